"""`compress_context`: digests of long files with the local model."""
