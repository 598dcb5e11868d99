"""LLM experiments from a table: rows × prompts × models, many providers, nothing lost."""
