"""Recognisers for logs and stack traces."""
