"""`python -m server.bridge`, the command in the clients' configuration files."""

from server.bridge.main import main

main()
