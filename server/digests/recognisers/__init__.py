"""Recognisers: one file per kind of output. Each turns lines that match its patterns into facts."""
