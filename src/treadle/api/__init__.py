"""What users call: the names of ``treadle`` put together from the parts below.

options   what may be asked for, checked before any worker starts
pool      workers that stay, and everything that runs on them
outcomes  the iterator that ``map`` returns
mapping   ``map`` and ``amap``: a pool for one use
running   ``run``: values into a sink, and a report at the end
executor  the same workers behind ``concurrent.futures``
"""
