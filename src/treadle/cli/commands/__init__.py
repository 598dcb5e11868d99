"""The commands of ours, one module each."""
