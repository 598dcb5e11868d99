"""From the rows of a measurement file to typed columns, with nothing dropped in silence.

A clean body is read by Arrow in one go (`clean`). Only in a body in which something is wrong are
lines (`rows`) and cells (`careful`) looked at, which leaves out what is not sound and says where in
the file it stands.
Which column of the file is which column of the schema is decided before either (`columns`), and
`assembling` gives the result its final shape, the same for both.
"""

from treadle.lab.tables.assembling import Table, table_of

__all__ = ["Table", "table_of"]
