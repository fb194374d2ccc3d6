"""The tray icon with its menu, and the entry point that starts hub, dashboard and icon in one process."""
