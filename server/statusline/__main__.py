"""Entry point of ``python -m server.statusline``."""

from server.statusline.main import main

main()
