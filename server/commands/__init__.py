"""Commands of ``token-saver``; ``server/commands/app.py`` lists them."""
