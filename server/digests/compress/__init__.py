"""`compress_context`: digests of files and texts, with the local model's answers on top."""
