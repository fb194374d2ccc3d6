"""``token-saver commit``: commits staged files or named paths with a message from the local model.

``repository`` runs git. ``style`` finds out how the repository writes its messages. ``message`` asks the
model and checks its answer. ``commit`` combines these modules.
"""
