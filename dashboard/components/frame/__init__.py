"""The frame of every page: navigation, header, banner, and refresh rules."""
