"""What the laboratory's screens have in common: staged runs as a table, and plots in a terminal."""
