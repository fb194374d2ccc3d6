"""The pages, one per module. ``show`` builds a page for one visitor."""
