"""Recognisers of package managers and infrastructure tools."""
