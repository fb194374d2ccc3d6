"""A Claude Code hook that reminds Claude of the local model before large reads and writes.

The hook is off by default. The user turns it on with ``token-saver connect claude-code --hook`` or by
installing the plugin ``token-saver-reminder``. This folder doubles as the plugin (``.claude-plugin``,
``hooks``). The plugin runs from a copy of it, so its modules import only the standard library.
"""
