"""Sizes of memory and files in the one unit that the app uses: decimal gigabytes."""


def gigabytes(count: float) -> str:
    """Return a number of bytes as gigabytes of 10^9 bytes: ``4.9 GB``."""
    return f"{count / 1e9:.1f} GB"
