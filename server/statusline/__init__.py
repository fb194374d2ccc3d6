"""Claude Code's status line: the local model, tokens saved today and in this session, and the weekly quota.

The status line is off by default; ``token-saver connect claude-code --statusline`` turns it on. The program
imports only the standard library and the bridge's modules, because the client runs it after every message.
"""
