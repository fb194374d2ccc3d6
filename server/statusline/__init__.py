"""Claude Code's status line: the local model, tokens saved today and in this session, the weekly quota.

The status line is off by default. The user turns it on with ``token-saver connect claude-code --statusline``.
The program imports only the standard library and the bridge's modules, because the client runs it after every
message.
"""
