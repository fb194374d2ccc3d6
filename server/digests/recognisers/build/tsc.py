"""tsc and MSBuild compilers: errors by code with their place, the total."""

import re

from server.digests.recognisers.line_messages import LineMessages


class Tsc(LineMessages):
    """TypeScript's plain and pretty output formats."""

    name = "tsc"
    triggers = (
        r"^\S.*?(?:\(\d+,\d+\):|:\d+:\d+ -) (?:error|warning|message) TS\d+: ",
        r"^error TS\d+: ",
        r"^Found \d+ errors?(?: in |\. Watching)",
    )
    message = re.compile(
        r"^(?:(?P<place>\S.*?(?:\(\d+,\d+\)|:\d+:\d+))(?::| -) )?(?P<severity>error|warning|message)"
        r" (?P<rule>TS\d+): (?P<text>.+)$"
    )
    total = re.compile(r"^Found \d+ errors?")
    context = re.compile(r"^ *$|^\d+ |^ +~+$|^  +\S")
