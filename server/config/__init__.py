"""Settings, folders and start at login. ``textedit`` changes single values in user-written files."""
