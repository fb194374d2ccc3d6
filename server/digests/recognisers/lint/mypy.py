"""mypy (and pyright, pyrefly, which print the same shape): errors by code, the count, notes as details."""

import re

from server.digests.recognisers.line_messages import LineMessages


class Mypy(LineMessages):
    """mypy's default and column formats; pyright's text format."""

    name = "mypy"
    triggers = (
        r"^\s*\S+\.pyi?:\d+(?::\d+)?(?::\d+:\d+)?(?::| -) (?:error|warning|note|information): ",
        r"^Found \d+ errors? in \d+ files? \(",
        r"^Success: no issues found in",
        r"^\d+ errors?, \d+ warnings?, \d+ (?:informations?|notes?)",
    )
    message = re.compile(
        r"^\s*(?P<place>\S+?\.pyi?:\d+(?::\d+)?)(?::\d+:\d+)?(?::| -) (?P<severity>error|warning|note|"
        r"information): "
        r"(?P<text>.+?)(?: +[\[(](?P<rule>[\w-]+)[\])])?$"
    )
    total = re.compile(r"^(?:Found \d+ errors? in|Success: no issues|\d+ errors?, \d+ warnings?)")
    note = (*LineMessages.note, "information")
