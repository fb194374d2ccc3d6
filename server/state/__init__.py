"""The hub's state for display: snapshot, current activity, totals."""
