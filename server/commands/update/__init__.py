"""Command ``update``: a new version, tried in a copy of the environment before it replaces the old one."""
