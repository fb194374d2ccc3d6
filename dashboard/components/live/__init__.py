"""Elements that change in place while a page is open."""
