"""`token-saver context`: shows the parts of Claude's context."""
