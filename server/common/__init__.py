"""Product-independent building blocks: errors, events, days, atomic writes, processes."""
