"""What each command of ``token-saver`` does; ``server/cli.py`` lists them."""
