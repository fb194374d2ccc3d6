"""Output in a terminal: tables, colours, pages, progress bars."""
