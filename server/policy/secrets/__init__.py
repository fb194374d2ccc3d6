"""Finds secrets in any text and replaces them with markers.

``calls/secret_redaction.py`` applies this to every result before Claude sees it, and ``digests/kept.py`` to
kept text. ``policy/files/paths.py`` decides which credential files are never read.
"""
