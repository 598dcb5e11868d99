"""What is asked in between: one dialog each."""
