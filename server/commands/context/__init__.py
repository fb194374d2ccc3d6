"""`token-saver context`: shows what fills Claude's context."""
