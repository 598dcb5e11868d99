"""What a syntax tree says: what its nodes mean, what they define, where it could not be read.

roles        what the types of nodes mean
definitions  name, kind, signature and docstring of a definition; imports
unread       places that the parser could not read

The facts about each language are in ``grammars``.
"""
