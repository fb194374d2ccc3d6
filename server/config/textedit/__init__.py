"""JSON and TOML edits that preserve every other byte of the file."""
