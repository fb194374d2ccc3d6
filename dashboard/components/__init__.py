"""Building blocks of the pages. One room per purpose, one component per module."""
