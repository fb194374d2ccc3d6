"""Connecting MCP clients: their configuration files edited with care, and undone to the byte.

``places`` says where each client keeps its servers, ``jsonc`` and ``toml_text`` change one entry of a
text and nothing else, ``connection`` plans, shows, applies and undoes a change.
"""
