"""``token-saver commit``: what is staged, or the named paths, with a message that the local model writes.

``repository`` knows git, ``style`` the repository's own way of writing messages, ``message`` asks the model
and checks its answer, ``commit`` brings them together.
"""
