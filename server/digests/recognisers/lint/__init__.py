"""Recognisers of linters and type checkers."""
