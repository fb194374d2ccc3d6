"""State for display (snapshot, current activity and totals), and the daily pruning of old records."""
