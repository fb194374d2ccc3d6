"""What weighs on Claude's context: its parts, their cost, and switches that take them out."""
