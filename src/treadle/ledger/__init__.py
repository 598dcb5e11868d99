"""The durable record of a run: one folder, with what was asked for and how each item ended.

    format   where runs are, what they are called, ``run.json``, and which formats are read
    rows     an outcome as a row of the database, and back
    lock     one writer for each run
    writer   the ledger while a run goes on: rows and the sink's mark, in one transaction
    begun    which items have begun and have no ending, for durability="item"
    past     what of a source an earlier session has settled
    reader   a run to look at, live or old

A row is committed only after its value is safe in the sink, and together with the sink's mark. So
whatever happens between two steps, ledger and sink come back to the same point.
"""
