"""Recognisers of version control output."""
