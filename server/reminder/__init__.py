"""A hook for Claude Code that reminds of the local model when a large file is about to be read or written.

Off unless the user asks for it: by ``token-saver connect claude-code --hook``, or by installing the plugin
``token-saver-reminder``, which this folder is as well (``.claude-plugin``, ``hooks``). The plugin is run
from a copy of this folder alone, so nothing here imports anything but the standard library.
"""
