"""Settings, folders and start at login; ``textedit`` changes single values in files that the user wrote."""
