"""Recognisers for linters and type checkers."""
