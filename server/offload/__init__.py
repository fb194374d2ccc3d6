"""A single task, from input files to checked result. Start reading in ``pipeline.py``."""
