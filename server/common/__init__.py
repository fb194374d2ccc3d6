"""Building blocks without knowledge of the product: errors, events, days, atomic writes, processes."""
