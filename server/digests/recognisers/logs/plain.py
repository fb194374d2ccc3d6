"""Plain logs with a time, a level and a message per line; syslog and access logs."""

import re

from server.digests.recognisers.logs.records import LEVELS, Record, RecordLog

_TIME = (
    r"(?:\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?|\d\d:\d\d:\d\d(?:[.,]\d+)?|"
    r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d(?: [+-]\d{4})?|"
    r"[IWEF]\d{4} \d\d:\d\d:\d\d\.\d+)"
)
_WORDS = (
    "TRACE|DEBUG|INFO|NOTICE|VERBOSE|WARN|WARNING|ERROR|ERR|SEVERE|FATAL|CRITICAL|CRIT|ALERT|EMERG|PANIC|"
    "trace|debug|info|notice|warn|warning|error|err|fatal|critical|crit|alert|emerg|panic"
)
_LEVEL = rf"(?P<level>{_WORDS})"
_LEVELED = re.compile(
    rf"^\[?(?P<time>{_TIME})\]?(?P<between>[^A-Za-z]{{0,12}}(?:\[[^\]]*\] ?){{0,3}})"
    rf"{_LEVEL}\b[\]):|]*\s*(?P<text>\S.*)$"
)

_MIDDLE = re.compile(
    rf"^\[?(?P<time>{_TIME})\]?(?P<between>.{{0,60}}?)[\s\[|]{_LEVEL}[\]|:\s]+(?P<text>\S.*)$"
)
_FIRST = re.compile(rf"^\[?{_LEVEL}\]?[:\s|-]+\[?(?P<time>{_TIME})\]?[\s|:-]*(?P<text>\S.*)$")
_KLOG = re.compile(r"^(?P<level>[IWEF])(?P<time>\d{4} \d\d:\d\d:\d\d\.\d+)\s+\d+ (?P<text>\S.*)$")
_SYSLOG = re.compile(
    r"^(?P<time>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) \S+ (?P<text>[\w./-]+(?:\[\d+\])?: .*)$"
)
_ACCESS = re.compile(
    rf'^\S+ \S+ \S+ \[(?P<time>{_TIME})\] "(?P<text>[A-Z]+ \S+)[^"]*" (?P<status>\d{{3}}) (?P<rest>.*)$'
)
_SEVERE = re.compile(
    r"\b(?:error|fail(?:ed|ure)?|panic|segfault|oom|killed|denied|refused|fatal)\b", re.IGNORECASE
)
_TIMED = re.compile(rf"^\[?(?P<time>{_TIME})\]?[\s:|-]*(?P<text>\S.*)$")


class PlainLog(RecordLog):
    """Logs from Python, Java, nginx, PostgreSQL, klog, syslog and others whose lines start with a time."""

    name = "log"
    triggers = (
        rf"^\[?{_TIME}",
        rf"^\[?(?:{_WORDS})\]?[:\s|-]+\[?{_TIME}",
        r"^[IWEF]\d{4} \d\d:\d\d:\d\d",
        r'^\S+ \S+ \S+ \[[^\]]+\] "[A-Z]+ \S+',
    )
    least = 5

    def parse(self, text: str) -> Record | None:
        if found := _LEVELED.match(text) or _FIRST.match(text) or _MIDDLE.match(text) or _KLOG.match(text):
            level = LEVELS.get(found["level"].casefold(), 0)
            # In "EXT4-fs error (device sda1): …" the word is part of the message.
            in_message = (
                found.re is _MIDDLE and text[found.start("level") - 1] == " " and found["level"].islower()
            )
            words = text[found.end("time") :].lstrip("] ") if in_message else found["text"]
            return Record(level, words, found["time"])
        if found := _ACCESS.match(text):
            return Record(
                0, found["text"], found["time"], found["status"] if found["status"] >= "400" else ""
            )
        if found := _SYSLOG.match(text) or _TIMED.match(text):
            return Record(2 if _SEVERE.search(found["text"]) else 0, found["text"], found["time"])
        return None
