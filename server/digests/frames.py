"""Stack trace frames in a dozen languages: the place in the code, and whether it is library code."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Frame:
    """A stack trace frame: the place as written in the line, and whether it is in a library."""

    place: str
    library: bool


_PATTERNS = (
    re.compile(r'\s*File \\?"(?P<path>[^"]+?)\\?", line (?P<line>\d+)'),
    re.compile(r"\s*at (?P<owner>[\w.$/<>@ ]+)\((?P<place>[\w.$-]+\.(?:java|kt|scala|groovy|clj):\d+)\)"),
    re.compile(r"\s*at (?P<owner>[\w.$/<>@ ]+)\((?:Native Method|Unknown Source)\)"),
    re.compile(
        r"\s*(?:at|❯) (?:.*?[( ])?(?P<place>(?:file://)?(?:node:|[\w@./\\-]|"
        r"[A-Za-z]:[\\/])[^\s()]*?:\d+:\d+)\)?$"
    ),
    re.compile(r"\s+(?P<place>/\S+\.go:\d+)(?: \+0x[0-9a-f]+)?$"),
    re.compile(r"\s*(?:from )?(?P<place>\S+\.rb:\d+):in "),
    re.compile(r"\s*#\d+ (?P<place>\S+\.php\(\d+\)): "),
    re.compile(r"\s*at .+ in (?P<place>\S+\.(?:cs|fs|vb):line \d+)"),
    re.compile(r"\s*at (?P<owner>[\w.`<>\[\]+]+)\(.*\)$"),
    re.compile(
        r"\s*#\d+ +(?:0x[0-9a-f]+ )?(?:in )?.*?(?:at )?(?P<place>\S+\.(?:c|cc|cpp|cxx|h|hpp|rs|dart|"
        r"swift):\d+(?::\d+)?)\)?$"
    ),
    re.compile(r"\s+at (?P<place>\S+\.rs:\d+:\d+)$"),
    re.compile(r".* at (?P<place>\S+\.p[lm] line \d+)\.?$"),
    re.compile(r"\s+(?P<place>[\w./-]+\.exs?:\d+): "),
)
_LIBRARY = re.compile(
    r"site-packages|dist-packages|/lib/python\d|^<|node_modules|^node:|^internal/|/go/src/|/pkg/mod/|/gems/|"
    r"/lib/ruby/"
    r"|/vendor/|/rustc/|\.cargo/registry|/usr/(?:include|lib)/|_pytest/|"
    r"python\d\.\d+/(?!.*site-packages)\w+\.py"
)
_LIBRARY_OWNER = re.compile(
    r"(?:[\w.@]+/+)?(?:java|javax|jdk|sun|com\.sun|kotlin|scala|groovy|clojure|org\.(?:junit|opentest4j|"
    r"apache|"
    r"springframework|gradle|hibernate|mockito|codehaus|assertj|testng|hamcrest|eclipse)|System|Microsoft|"
    r"NUnit|Xunit|"
    r"io\.netty|reactor|akka|com\.(?:google|fasterxml))\."
)


def frame_of(text: str) -> Frame | None:
    """Return the frame named by a line of a stack trace, or None."""
    if len(text) > 2_000:
        return None
    for pattern in _PATTERNS:
        if not (found := pattern.match(text)):
            continue
        groups = found.groupdict()
        owner = groups.get("owner") or ""
        place = groups.get("place") or ""
        if "path" in groups:
            begin = found.start("path")
            place = text[begin : found.end()]
            library = _LIBRARY.search(groups["path"]) is not None
        else:
            library = not place or _LIBRARY.search(place) is not None or bool(_LIBRARY_OWNER.match(owner))
        return Frame(place, library)
    return None


def is_library(path: str) -> bool:
    """Return whether a path lies outside the project's own code."""
    return _LIBRARY.search(path) is not None


def short_place(place: str) -> str:
    """Return the end of an absolute path, which still occurs in the line and is enough to find the file."""
    text = place.lstrip('"')
    if not text.startswith("/") and text[1:3] not in (":\\", ":/"):
        return place
    return "/".join(text.replace("\\", "/").rsplit("/", 3)[-3:]) if "/" in text else text.rsplit("\\", 1)[-1]
