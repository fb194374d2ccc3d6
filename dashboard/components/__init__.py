"""Building blocks for the pages. Each folder has one purpose; each module holds one component."""
