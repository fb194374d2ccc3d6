"""Digests of large tool results inside Claude Code: the hub's side of ``server.digest_hook``.

``result`` reads an event of the client. ``passing`` decides which results pass unchanged. ``digester`` makes
and records a digest. ``losses`` finds out whether Claude came back for the full text. No part needs an
engine.
"""
