"""Digests that replace large tool results in Claude Code: the hub's side of ``server.digest_hook``.

``result`` parses an event from the client. ``passing`` decides which results pass through unchanged.
``digester`` makes and records a digest. ``losses`` detects when Claude comes back for the full text. None of
this needs an engine.

Results of this app's own tools are not handled here: ``offload/run/reply.py`` composes them, and
``calls/secret_redaction.py`` removes secrets from them.
"""
