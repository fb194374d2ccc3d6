"""The checks that a project brings, found in its files. Nothing here runs anything.

``find``        walks the project and returns its checks, fastest first (start here)
``values``      a check: command, what it covers, where it was found
``manifests``   reading of a project's files: bounded, and never through links
``python``, ``javascript``, ``others``   what the files of each language say
``related``     the tests that concern a file
"""
