"""What users call: the names of ``treadle`` put together from the parts below.

options   what may be asked for, checked before any worker starts
pool      workers that stay, and everything that runs on them
outcomes  the iterator that ``map`` returns
mapping   ``map`` and ``amap``: a pool for one use
running   ``run``: values into a sink, and a report at the end
recording a run with its ledger: what is left out, what becomes durable when
stored    what a run has stored, as the source of the next stage
history   ``runs`` and ``open``: recorded runs to look at
control   what a recorded run listens to, with what it says (heard)
remote    asks and steers a run of another process
executor  the same workers behind ``concurrent.futures``
"""
