"""What the screens are made of: tables, lines of text, progress. None of them blocks, or reads."""
