"""Command groups ``policy`` and ``audit``."""
