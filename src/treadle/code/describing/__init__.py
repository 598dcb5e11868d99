"""What is said of a chunk, beside its text.

records    chunks from the cuts of a file
subjects   what a chunk is about: kind, symbol, scope
positions  lines and columns
"""
