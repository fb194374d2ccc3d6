"""Entry point of ``python -m server.digest_hook``."""

from server.digest_hook.main import main

main()
