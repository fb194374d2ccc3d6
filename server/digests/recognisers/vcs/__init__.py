"""Recognisers for version control output."""
