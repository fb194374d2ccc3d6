"""Edits of JSON and TOML that keep every other byte of the file."""
