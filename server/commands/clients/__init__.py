"""`token-saver connect`, `disconnect` and `uninstall`."""
