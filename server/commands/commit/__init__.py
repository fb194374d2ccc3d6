"""``token-saver commit``: commits staged files or named paths with a message from the local model.

``repository`` runs git. ``style`` determines how the repository's messages are written. ``message`` asks the
model and checks its answer. ``commit`` combines these modules.
"""
