"""Recognisers of logs and stack traces."""
