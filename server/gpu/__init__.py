"""GPU memory and RAM: capacity, a model's need, fit, and yielding to other programs."""
