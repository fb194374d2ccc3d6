"""Models that are installed, loaded, downloading or recommended, and the memory they use."""
