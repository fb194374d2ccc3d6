"""Building blocks of the pages. Each folder has one purpose, each module one component."""
