"""Source code on the screen: files, their chunks, and the text with colours."""
