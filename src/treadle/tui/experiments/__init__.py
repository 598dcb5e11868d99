"""LLM experiments on the screen: what is read of them, and how it is put into words."""
