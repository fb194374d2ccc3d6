"""The dashboard: NiceGUI pages and their components. It imports ``server``; ``server`` never imports it."""
