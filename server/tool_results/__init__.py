"""Digests of large tool results in Claude Code: the hub's side of ``server.digest_hook``.

``result`` parses an event from the client. ``passing`` decides which results pass through unchanged.
``digester`` makes and records a digest. ``losses`` detects when Claude comes back for the full text. None of
this needs an engine.
"""
