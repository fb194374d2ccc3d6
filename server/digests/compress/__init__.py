"""`compress_context`: digests of files and texts, extended by the local model's answers."""
