"""Recognisers of test runners."""
