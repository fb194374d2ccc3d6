"""The tray icon, its menu, and the entry point that starts icon, hub and dashboard together."""
