"""Building blocks that know nothing of the product: errors, events, days, atomic writes, processes."""
