"""Settings, folders and start at login. ``textedit`` changes single values in files written by the user."""
