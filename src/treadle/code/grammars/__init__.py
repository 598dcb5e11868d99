"""
What the grammars of tree-sitter call things: one module per language or family.

Each holds :class:`~treadle.code.languages.model.Grammar` values and nothing that is loaded with
them: neither tree-sitter nor a grammar is imported here. The functions in them are asked once per
definition, also in files with errors: they return None for what is not there, and never raise.

None of them asks for ``Node.parent``, which tree-sitter finds by walking down from the root past
all siblings: a file of a hundred thousand lines would take minutes. Where a language does not tell
a global name from a local one by its nodes, the column does.
"""
