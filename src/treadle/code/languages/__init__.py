"""Which languages there are, which one a file is in, and the grammar that parses it.

known      the table: names, extensions, comment marks, and where a grammar stands
registry   the table and what other packages add to it (entry points ``treadle.languages``)
detecting  a file's name and its first bytes, to the name of its language
loading    the grammar of a language, and one parser for each thread
model      what these speak in: ``Language`` and ``Grammar``
"""
