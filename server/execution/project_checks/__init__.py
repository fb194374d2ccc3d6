"""The project's own checks, found in its files. This room runs no checks.

``find``        walks the project and returns its checks, fastest first (start here)
``values``      a check: command, covered files, place of discovery
``manifests``   reads a project's files, within limits and never through links
``python``, ``javascript``, ``others``   the checks in the files of each language
``related``     the tests that concern a file
"""
