"""Recognisers: one file for each kind of output, its pattern in, its facts out."""
