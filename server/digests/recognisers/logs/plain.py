"""Plain logs with a time, a level and a message per line; syslog and access logs."""

import re

from server.digests.recognisers.logs.records import LEVELS, Record, RecordLog
from server.digests.severity import is_harmless

_CLOCK = r"\d\d:\d\d:\d\d(?:[.,:]\d+)?"
_MONTH = r"[A-Z][a-z]{2}"
_TIME = (
    rf"(?:(?:{_MONTH} )?\d{{4}}[-/.]\d\d[-/.]\d\d[T -]{_CLOCK}(?:Z|[+-]\d\d:?\d\d)?(?: UTC)?"
    rf"|\d\d?/\d\d?/(?:\d{{4}}|\d\d),? \d?\d:\d\d:\d\d(?:[.,]\d+)?(?: [AP]M)?"
    rf"|\d\d-\d\d {_CLOCK}|\d{{8}}-{_CLOCK}|{_CLOCK}"
    rf"|(?:{_MONTH} )?{_MONTH} [ \d]\d {_CLOCK}(?: \d{{4}})?"
    rf"|\d\d/{_MONTH}/\d{{4}}:\d\d:\d\d:\d\d(?: [+-]\d{{4}})?"
    r"|[IWEF]\d{4} \d\d:\d\d:\d\d\.\d+)"
)
_WORDS = (
    "TRACE|DEBUG|INFO|NOTICE|VERBOSE|WARN|WARNING|ERROR|ERR|SEVERE|FATAL|CRITICAL|CRIT|ALERT|EMERG|PANIC|"
    "trace|debug|info|notice|warn|warning|error|err|fatal|critical|crit|alert|emerg|panic"
)
_LEVEL = rf"(?P<level>{_WORDS})"
_TITLED = "Trace|Debug|Info|Information|Notice|Verbose|Warn|Warning|Error|Critical|Fatal"
_LEVELED = re.compile(
    rf"^\[?(?P<time>{_TIME})\]?(?P<between>[^A-Za-z]{{0,12}}(?:\[[^\]]*\] ?){{0,3}})"
    rf"(?P<level>{_WORDS}|{_TITLED})\b(?P<after>[\]):|]*\s*)(?P<text>\S.*)$"
)
_MIDDLE = re.compile(
    rf"^\[?(?P<time>{_TIME})\]?(?P<between>.{{0,60}}?)[\s\[|]{_LEVEL}[\]|:\s]+(?P<text>\S.*)$"
)
_FIRST = re.compile(rf"^\[?{_LEVEL}\]?[:\s|-]+\[?(?P<time>{_TIME})\]?[\s|:-]*(?P<text>\S.*)$")
_KLOG = re.compile(r"^(?P<level>[IWEF])(?P<time>\d{4} \d\d:\d\d:\d\d\.\d+)\s+\d+ (?P<text>\S.*)$")
_SYSLOG = re.compile(rf"^(?P<time>{_TIME}) [\w.-]+ (?P<text>[\w./-]+(?:\[\d+\])?: .*)$")
_ACCESS = re.compile(
    rf'^\S+ \S+ \S+ \[(?P<time>{_TIME})\] "(?P<text>[A-Z]+ \S+)[^"]*" (?P<status>\d{{3}}) (?P<rest>.*)$'
)
_KERNEL = re.compile(
    r"^(?:<\d+>|\w+ *:(?P<level>\w+) *: )?\[(?P<time> *\d+\.\d{6})\](?:\[ *[\w-]+\])? +(?P<text>\S.*)$"
)
_KERNEL_FAULT = re.compile(
    r"\btraps: |\bBUG: |\bOops\b|\bgeneral protection fault|\bOut of memory\b|\bI/O error\b"
    r"|blocked for more than"
)
"""Faults that the kernel reports in words of its own."""
_LOGCAT = re.compile(rf"^(?P<time>\d\d-\d\d {_CLOCK}) +\d+ +\d+ (?P<level>[VDIWEF]) (?P<text>\S.*)$")
_SEVERE = re.compile(
    r"\b(?:error|fail(?:ed|ure)?|panic(?!=)|segfault|oom(?!=)|killed|denied|refused|fatal)\b", re.IGNORECASE
)
_WARNED = re.compile(r"\bwarn(?:ing)?s?\b", re.IGNORECASE)
_TIMED = re.compile(rf"^\[?(?P<time>{_TIME})\]?[\s:|-]*(?P<text>\S.*)$")


class PlainLog(RecordLog):
    """Logs from Python, Java, nginx, PostgreSQL, klog, syslog and others whose lines start with a time."""

    name = "log"
    triggers = (
        rf"^\[?{_TIME}",
        r"^(?:<\d+>|\w+ *:\w+ *: )?\[ *\d+\.\d{6}\]",
        rf"^\[?(?:{_WORDS})\]?[:\s|-]+\[?{_TIME}",
        r"^[IWEF]\d{4} \d\d:\d\d:\d\d",
        r'^\S+ \S+ \S+ \[[^\]]+\] "[A-Z]+ \S+',
    )
    least = 5

    def parse(self, text: str) -> Record | None:
        if found := (
            _LEVELED.match(text)
            or _LOGCAT.match(text)
            or _FIRST.match(text)
            or _MIDDLE.match(text)
            or _KLOG.match(text)
        ):
            start = _message_start(text, found)
            is_own = start > found.start("level")  # else the level is a word of the message
            level = LEVELS.get(found["level"].casefold(), 0) if is_own else _level_of(text[start:])
            return Record(level, text[start:], found["time"])
        if found := _ACCESS.match(text):
            return Record(
                0, found["text"], found["time"], found["status"] if found["status"] >= "400" else ""
            )
        if found := _KERNEL.match(text):
            level = LEVELS.get((found["level"] or "").casefold(), 0) or _level_of(found["text"])
            level = max(level, 2 if _KERNEL_FAULT.search(found["text"]) else 0)
            return Record(level, found["text"], found["time"].strip())
        if found := _SYSLOG.match(text) or _TIMED.match(text):
            return Record(_level_of(found["text"]), found["text"], found["time"])
        return None


def _message_start(text: str, found: re.Match[str]) -> int:
    """Return where the message begins. In "EXT4-fs error (device sda1): …" and "Error reading sda1" the word
    for the level is part of the message.
    """
    level = found["level"]
    if found.re is _MIDDLE and text[found.start("level") - 1] == " " and level.islower():
        rest = text[found.end("time") :]
        return len(text) - len(rest.lstrip("] "))
    if found.re is _LEVELED and level.istitle() and found["after"] == " ":
        return found.start("level")
    return found.start("text")


def _level_of(words: str) -> int:
    """Return the level of a message that names none."""
    if is_harmless(words):
        return 0
    return 2 if _SEVERE.search(words) else 1 if _WARNED.search(words) else 0
