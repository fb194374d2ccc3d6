"""Recognisers for test runners."""
