"""Parser for Ollama's ``keep_alive``, the time a model stays loaded."""

import re

from server.common.errors import BadArguments

_WHOLE = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}


def parse_keep_alive(text: str) -> float | None:
    """Return ``keep_alive`` (``"90"``, ``"10m"``, ``"1h30m"``) in seconds, or None for forever (``"-1"``).

    Raises:
        BadArguments: the text is not a duration.
    """
    wanted = text.strip()
    if _WHOLE.fullmatch(wanted.removeprefix("-")) is None:
        raise BadArguments(f"keep_alive {text!r} is not a duration.", 'Write "10m", "1h30m", "-1" or "0".')
    if wanted.startswith("-"):
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(wanted))
