"""Detection and removal of secrets in results."""
