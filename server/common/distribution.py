"""The app's distribution: its name on PyPI, its former name, the installed version."""

NAME = "claude-token-saver-app"
FORMER_NAME = "claude-token-saver"
"""The distribution name of version 0.1.0. On PyPI, it belongs to another product that also provides a
``token-saver`` command.
"""


def installed_version() -> str:
    """Return the version of the running app."""
    from importlib.metadata import version  # noqa: PLC0415 - milliseconds that few commands need

    return version(NAME)
