"""What fills Claude's context: the parts, their cost, and switches that remove them."""
