"""Input files: paths, globs, selections, encodings."""
