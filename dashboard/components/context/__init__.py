"""Components for the *Context* page."""
