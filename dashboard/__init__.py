"""The dashboard: NiceGUI pages and their components. ``dashboard`` imports ``server``, never the reverse."""
