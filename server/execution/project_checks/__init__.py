"""The project's own checks, discovered from its files. Nothing here runs them.

``find``        walks the project and returns its checks, fastest first (start here)
``values``      a check: its command, the files it covers, where it was found
``manifests``   reads a project's files, within limits and without following links
``python``, ``javascript``, ``others``   the checks for each language
``related``     the tests related to a file
"""
