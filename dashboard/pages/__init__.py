"""The pages, one per module. ``show`` fills a page for one visitor."""
