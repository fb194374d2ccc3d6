"""MCP clients: connected by one change of a configuration file, which can be undone byte for byte.

``config_files`` knows where each client keeps its servers. ``config_change`` plans, shows, applies and undoes
a change of one entry.
"""
