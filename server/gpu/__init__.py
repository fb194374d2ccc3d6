"""GPU memory and RAM: what is there, what a model takes, whether it fits; yielding to other programs."""
