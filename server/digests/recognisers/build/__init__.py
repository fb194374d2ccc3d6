"""Recognisers for compilers and build tools."""
