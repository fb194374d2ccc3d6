"""GPU memory and RAM: capacity, model requirements, fit, and yielding to other programs."""
