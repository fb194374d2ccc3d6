"""Icons, the logo and the stylesheet, shipped as package data."""
