"""Entry point for ``python -m server.bridge``, the command in clients' configuration files."""

from server.bridge.main import main

main()
