"""Digests of whole documents: data, markup and source code."""
