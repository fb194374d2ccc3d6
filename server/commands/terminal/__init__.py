"""Terminal output: tables, colours, pages, progress bars."""
