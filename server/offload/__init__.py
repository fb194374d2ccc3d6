"""One task from files to checked result. Start reading in ``pipeline.py``."""
