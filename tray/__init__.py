"""The tray icon and its menu, and the entry point that starts hub, dashboard and icon in one process."""
