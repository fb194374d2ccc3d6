"""`token-saver context`: what weighs on Claude's context."""
