"""Digests of tool output, logs and data, made without a model."""

from server.digests.engine import make_digest
from server.digests.values import Digest, Fact, Part

__all__ = ["Digest", "Fact", "Part", "make_digest"]
