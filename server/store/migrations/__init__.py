"""Migrations of the history's tables, and the backups made before them."""
