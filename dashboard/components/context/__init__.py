"""Components of the page *Context*."""
