"""The frame around every page: navigation, header, banner, and refresh rules."""
