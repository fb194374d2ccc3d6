"""The frame of every page: navigation, header, banner, and the rules for refreshing its content."""
