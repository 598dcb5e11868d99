"""Where a file is cut: places that are good for a cut, and the cuts chosen among them.

marks      places with levels: how good a cut is there
syntax     marks from a syntax tree
text       marks from lines, for prose and for code without a grammar
merging    cuts: pieces put together while the budget allows
oversize   cuts inside a piece that is over the budget and has no marks

Everything is in bytes, nothing recurses, and each step looks at each byte a bounded number of
times. That chunks cover the file is true by construction: cuts are a sorted list from 0 to its end.
"""
