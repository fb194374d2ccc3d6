"""Recognisers for package managers and infrastructure tools."""
