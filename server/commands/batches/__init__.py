"""`token-saver batch` and `jobs`."""
