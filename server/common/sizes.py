"""Sizes of memory and files in the one unit that the app uses: decimal gigabytes."""


def gigabytes(count: float) -> str:
    """Format a byte count in gigabytes (10^9 bytes), for example ``4.9 GB``."""
    return f"{count / 1e9:.1f} GB"
