"""Finds secrets recognisable only by where they appear, such as the value of ``DB_PASSWORD=…`` in a settings
file.

Three forms are found: an upper-case variable without spaces around ``=``, a quoted key with a quoted value,
and a line consisting of ``name: value`` or ``name = value``. In the last two forms, words without a digit or
symbol are not treated as secrets, because they are often other names. Calls, references and types are code.
"""

import re
from collections.abc import Iterator

_WORD = (
    r"(?:password|passwd|passphrase|pwd|secret|token"
    r"|(?:api|access|secret|private|auth|encryption|signing|master|app|account)[_-]?key)"
)
_QUOTED = r"\"([^\"\s]{6,200})\"|'([^'\s]{6,200})'"
_ENVIRONMENT = re.compile(
    r"(?<![\w.$\"'-])([A-Z][A-Z0-9_]{0,40}_)?([A-Z]{0,10}(?:PASSWORD|PASSWD|PASSPHRASE|PWD|SECRET)|PASS|TOKEN|KEY)"
    r"(?:_?\d{1,2}|_(?:PROD|PRODUCTION|LIVE|STAGING|DEV|TEST))?="
    rf"(?:{_QUOTED}|([^\s\"'`,;]{{6,200}}))(?=[\s`'\",;]|$)"
)
_QUOTED_KEY = re.compile(
    rf"(?i)[\"'][\w.-]{{0,40}}{_WORD}[\"'][ \t]{{0,3}}(?:=>|[:=])[ \t]{{0,3}}(?:{_QUOTED})"
)
_LINE = re.compile(
    rf"(?im)^[ \t]{{0,40}}(?:[-*>|+][ \t]{{1,4}})?[\w.-]{{0,40}}{_WORD}[ \t]{{0,8}}[:=][ \t]{{0,8}}"
    rf"(?:{_QUOTED}|([^\s\"'`,;]{{6,200}}))[ \t]*(?:#.*)?$"
)
_HARMLESS_KEY = re.compile(r"(?:.*_)?(?:PRIMARY|FOREIGN|SORT|PUBLIC|CACHE|PARTITION|HASH|ROW|GROUP|PARENT)_")
_CODE = re.compile(r"[<>{}\\]|\?\.|\$[({A-Za-z_]|://|^[/~.#$]|^%|%\(")
_CALL = re.compile(r"[()\[\]]")
_NUMBERS = re.compile(r"[\d.,:_-]+")
_REFERENCE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+|[A-Z][A-Z0-9]*_[A-Z0-9_]*")
_TYPE = re.compile(r"(?i)u?int\d+|float\d+|utf-?\d+|sha-?\d+|md5|base64|[hre]s\d+|aes-?\d+.*")
_SAMPLE = re.compile(
    r"(?i)example|placeholder|change_?me|dummy|your[_-]?|xxx|\*\*\*|\.\.\.|redacted|removed"
    r"|^(?:true|false|none|null|undefined|required|optional|disabled|enabled|string|value)\.?$"
    r"|^(?:my|the|a)?[_-]?(?:password|passwd|pwd|secret|token|key)$"
)
_NAMED_AFTER = re.compile(r"(?i)(?:my|test|new|old|the|an?)?[-_]?(?:pass|pwd|secret|token|key|tok)")


def assigned_values(text: str) -> Iterator[tuple[int, int]]:
    """Yield the start and end offsets of each value."""
    for match in _ENVIRONMENT.finditer(text):
        group = match.lastindex or 0
        harmless = match[2] == "KEY" and _HARMLESS_KEY.fullmatch(match[1] or "")
        numbers = match[2] in ("TOKEN", "KEY") and _NUMBERS.fullmatch(match[group])
        if not harmless and not numbers and _is_literal(match[group], quoted=group < 5):
            yield match.span(group)
    for pattern in (_QUOTED_KEY, _LINE):
        for match in pattern.finditer(text):
            group = match.lastindex or 0
            if _is_literal(match[group], quoted=group < 3) and _is_no_word(match[group]):
                yield match.span(group)


def _is_literal(value: str, *, quoted: bool) -> bool:
    if _CODE.search(value) or _SAMPLE.search(value):
        return False
    return quoted or not (_CALL.search(value) or _REFERENCE.fullmatch(value))


def _is_no_word(value: str) -> bool:
    letters = any(character.isalpha() for character in value)
    others = any(character.isdigit() or character in "!@#$%^&" for character in value)
    return (
        letters
        and others
        and not any(pattern.fullmatch(value) for pattern in (_REFERENCE, _TYPE))
        and not _NAMED_AFTER.match(value)
    )
