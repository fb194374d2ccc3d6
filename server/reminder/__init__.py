"""Hook for Claude Code that reminds it of the local model before large reads and writes.

Off unless the user turns it on, with ``token-saver connect claude-code --hook`` or by installing the plugin
``token-saver-reminder``. This folder is also that plugin (``.claude-plugin``, ``hooks``), which runs from a
copy of the folder; therefore its modules import only the standard library.
"""
