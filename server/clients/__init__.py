"""Connects MCP clients with a single edit to a configuration file, which can be undone byte for byte.

``config_files`` knows where each client lists its servers. ``config_change`` plans, shows, applies and undoes
changes to a single entry.
"""
