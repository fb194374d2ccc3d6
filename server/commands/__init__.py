"""The ``token-saver`` commands, listed in ``server/commands/app.py``."""
