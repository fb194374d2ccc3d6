"""`compress_context`: digests of files and texts, supplemented by the local model's answers."""
