"""Elements that are updated in place while a page is open."""
