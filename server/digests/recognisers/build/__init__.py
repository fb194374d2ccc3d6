"""Recognisers of compilers and build tools."""
