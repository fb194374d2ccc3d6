"""Claude Code hook that replaces large tool results with digests.

The hook is off by default. The user turns it on with ``token-saver connect claude-code --digest``, on the
dashboard, or by installing the plugin ``token-saver-digests``. The program imports only the standard library
and the bridge's modules; the hub does the work (``server.tool_results``).
"""
