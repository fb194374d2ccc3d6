"""MCP clients: connecting them by one change of a configuration file, undone byte for byte.

``config_files`` knows where each client keeps its servers; ``config_change`` plans, shows, applies and undoes
a change of one entry.
"""
