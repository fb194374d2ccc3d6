"""Recognisers, one file per kind of output. Each turns the lines that match its patterns into facts."""
