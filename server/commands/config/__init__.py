"""Command group ``config``."""
