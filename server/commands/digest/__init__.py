"""`token-saver digest` and `run`."""
