"""The NiceGUI pages and their components. Imports ``server``; nothing in ``server`` imports this."""
