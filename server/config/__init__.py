"""Settings, folders and the start-at-login entry; `textedit` changes one value in a file of the user."""
