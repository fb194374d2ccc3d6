"""Which models run here: hardware, fit in memory, recommendation."""
