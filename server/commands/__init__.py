"""What each command of ``token-saver`` does; ``server/commands/app.py`` lists them."""
