"""Components for batches."""
