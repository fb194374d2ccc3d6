"""Tool calls before they run: caller, affected files, policy input."""
