"""Redacts secrets in text sent to Claude, replacing each with a marker that names its kind.

Tokens with a known format are found by ``detect-secrets`` patterns (without its network checks) and a few
more. A value assigned to a name such as ``password`` is found if it is too random for a placeholder, or if it
appears in a place typical of settings files (see ``assignments.py``). Hashes, ids and ordinary code are left
alone, because randomness alone does not make a secret. Text written to files is not redacted.
"""

import functools
import itertools
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import re2

from server.policy.secrets.assignments import assigned_values

MOST_CHARACTERS = 500_000
"""Maximum length of text to search (characters). Longer text is truncated here, because text that has not
been searched never goes to Claude.
"""
LEAST_ENTROPY = 3.0
"""Minimum entropy of an assigned value (bits per character). English words have about 2.5; 16 random letters
and digits have 3.7.
"""
LEAST_LENGTH = 12

# The body must look like a key. Source code that only mentions the header keeps its next lines.
_KEY_BLOCK = re.compile(
    r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----\s{0,4}(?:\\n)?"
    r"(?:[A-Za-z-]{1,20}: [^\n]{1,200}\n){0,5}"
    r"[A-Za-z0-9+/=\s\\]{40,20000}(?:-----END [A-Z0-9 ]{0,40}-----)?"
    r"|PuTTY-User-Key-File-[23]:(?:[^\n]{0,200}\n){1,200}"
)
_YOUNGER = (
    ("Anthropic API Key", r"\bsk-ant-[A-Za-z0-9_-]{20,}"),
    ("OpenAI Token", r"\bsk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{20,}"),
    ("GitHub Token", r"\bgithub_pat_[A-Za-z0-9_]{40,}"),
    ("Google API Key", r"\bAIza[0-9A-Za-z_-]{35}\b"),
    ("Hugging Face Token", r"\bhf_[A-Za-z0-9]{30,}\b"),
    ("NPM Token", r"\bnpm_[A-Za-z0-9]{36}\b"),
    ("Stripe Access Key", r"\b[rs]k_(?:live|test)_[0-9a-zA-Z]{24,}"),
    ("Slack Token", r"\bxox[abeoprs]-[A-Za-z0-9-]{20,}"),
    ("DigitalOcean Token", r"\bdo[opr]_v1_[a-f0-9]{64}\b"),
    ("JSON Web Token", r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{16,}"),
    ("Bearer Token", r"(?i:\bauthorization\b[\"']?\s{0,3}[:=]\s{0,3}[\"']?bearer) ([A-Za-z0-9._~+/=-]{16,})"),
)
_ASSIGNED = re.compile(
    # The lookahead for the first letters makes the search four times as fast.
    r"(?i)(?=[pstac])(?:password|passwd|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|auth[_-]?key|credential)s?[a-z0-9_-]{0,20}[\"']?[ \t]{0,3}(?::=|=>|[:=])[ \t]{0,3}"
    r"(?:\"([^\"\s]{12,512})\"|'([^'\s]{12,512})'|([A-Za-z0-9+/_.~!@#%^&*-]{12,512}={0,2})(?=[\s;,]|$))"
)
_NAMED = re.compile(r"(?:pass|pwd|secret|token|key|credential)[^\n]{0,60}?[:=]")
"""Matches lower-cased text that could assign a value to a telling name. Used as a quick filter, because most
text does not match.
"""
_SAMPLE = re.compile(r"(?i)example|placeholder|change_?me|dummy|your[_-]|xxx|\*\*\*|\.\.\.|redacted")
_NO_VALUE = re.compile(r"[<>\\]|\$\{|\{\{|%\(|://")
_PLACEHOLDER = re.compile(
    r"(?i)(?:my|the|a)?[_-]?(?:pass|passw|password|passwd|pwd|pw|p|secret|token|tiger|guest)|<.*>"
)
"""Passwords used in documentation URLs (``scott:tiger`` is Oracle's)."""
_CODE = re.compile(r"[A-Za-z_][\w]*(?:[.\-/:][A-Za-z_][\w]*)*|[\d.,:_-]+")
"""A name, a dotted or dashed name, a number or a date: code, not a secret."""


@dataclass(frozen=True)
class Redacted:
    """The redacted text, and the number of secrets of each kind."""

    text: str
    found: Mapping[str, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """The number of secrets replaced."""
        return sum(self.found.values())


def redact(text: str, known: Iterable[str] = (), *, keep_lines: bool = False) -> Redacted:
    """Return the text with every secret replaced. ``known`` are values known to be secret.

    With ``keep_lines``, line breaks within a secret are kept, so that line numbers stay correct.
    """
    cut = text[:MOST_CHARACTERS]
    spans = [(match.start(), match.end(), "private key") for match in _KEY_BLOCK.finditer(cut)]
    for value in known:
        spans += [
            (match.start(), match.end(), "token of this app")
            for match in re.finditer(re.escape(value), cut)
            if len(value) >= LEAST_LENGTH
        ]
    lower = cut.lower()
    plain = cut.isascii()
    for kind, pattern, needed in patterns():
        if (
            needed not in cut
            or (plain and is_absent(pattern, cut))
            or (kind == "Bearer Token" and "bearer" not in lower)
        ):
            continue
        for match in pattern.finditer(cut):
            group = 1 if pattern.groups and match.group(1) and kind in _INNER else 0
            if not _SAMPLE.search(match[group]) and not (group and _PLACEHOLDER.fullmatch(match[group])):
                spans.append((*match.span(group), kind))
    if _NAMED.search(lower):
        _add_assigned(cut, spans)
    return _replace(cut, spans, len(text) - len(cut), keep_lines=keep_lines)


def _add_assigned(text: str, spans: list[tuple[int, int, str]]) -> None:
    """Add the values assigned to telling names."""
    for match in _ASSIGNED.finditer(text):
        group = match.lastindex or 0
        if _is_random(match[group], quoted=group in (1, 2)):
            spans.append((*match.span(group), "password or token"))
    taken = bytearray(len(text))
    for start, end, _ in spans:
        taken[start:end] = b"\1" * (end - start)
    for start, end in assigned_values(text):
        if not any(taken[start:end]):
            taken[start:end] = b"\1" * (end - start)
            spans.append((start, end, "password or token"))


_QUIET = re2.Options()
_QUIET.log_errors = False
_INNER = frozenset({"Basic Auth Credentials", "Bearer Token", "AWS Access Key"})
"""Kinds whose pattern captures the secret in its first group."""


def _replace(text: str, spans: list[tuple[int, int, str]], cut: int, *, keep_lines: bool) -> Redacted:
    found: Counter[str] = Counter()
    parts: list[str] = []
    at = 0
    for start, end, kind in sorted(spans):
        if end <= at:
            continue
        # A secret that overlaps the previous secret counts separately and starts at its end.
        parts += [text[at : max(start, at)], f"[removed: {kind}]"]
        if keep_lines:
            parts.append("\n" * text.count("\n", max(start, at), end))
        found[kind] += 1
        at = end
    parts.append(text[at:])
    if cut:
        parts.append(f"\n[{cut:,} more characters left out: not checked for secrets]")
    return Redacted("".join(parts), dict(found))


@functools.cache
def patterns() -> tuple[tuple[str, re.Pattern[str], str], ...]:
    """Return the kinds, their patterns, and for each pattern a string that every match contains."""
    found = [(kind, re.compile(pattern)) for kind, pattern in _YOUNGER]
    for detector, edge in _library():
        for pattern in detector.denylist:
            # Some of the library's patterns match inside a longer word, but a hash is not a token.
            bounded = re.compile(f"{edge}(?:{pattern.pattern}){edge}", pattern.flags) if edge else pattern
            found.append((detector.secret_type, bounded))
    return tuple((kind, pattern, needed_by(pattern)) for kind, pattern in found)


def _library() -> tuple[tuple[Any, str], ...]:
    """Return the library's detectors, and what must stand around a match of each."""
    # Imported here, because the library also imports an HTTP client, and a hub starts without waiting for it.
    from detect_secrets.plugins import (  # noqa: PLC0415
        aws,
        azure_storage_key,
        basic_auth,
        discord,
        github_token,
        gitlab_token,
        mailchimp,
        npm,
        openai,
        pypi_token,
        sendgrid,
        slack,
        square_oauth,
        stripe,
        telegram_token,
        twilio,
    )

    return (
        (aws.AWSKeyDetector, r"\b"),
        (azure_storage_key.AzureStorageKeyDetector, ""),
        (basic_auth.BasicAuthDetector, ""),
        (discord.DiscordBotTokenDetector, r"\b"),
        (github_token.GitHubTokenDetector, ""),
        (gitlab_token.GitLabTokenDetector, r"\b"),
        (mailchimp.MailchimpDetector, r"\b"),
        (npm.NpmDetector, ""),
        (openai.OpenAIDetector, ""),
        (pypi_token.PypiTokenDetector, ""),
        (sendgrid.SendGridDetector, r"\b"),
        (slack.SlackDetector, ""),
        (square_oauth.SquareOAuthDetector, ""),
        (stripe.StripeDetector, ""),
        (telegram_token.TelegramBotTokenDetector, r"\b"),
        (twilio.TwilioKeyDetector, r"\b"),
    )


def is_absent(pattern: re.Pattern[str], text: str) -> bool:
    """Return whether an ASCII text is certain to have no match. RE2 is several times faster than ``re``."""
    quick = _quick(pattern)
    return quick is not None and quick.search(text) is None


@functools.cache
def _quick(pattern: re.Pattern[str]) -> Any:
    """Compile a pattern for RE2; return None if RE2 rejects it or reads it differently."""
    if pattern.flags & re.VERBOSE or re.search(r"\\[sSvZA]", pattern.pattern):
        return None
    try:
        return re2.compile(("(?i)" if pattern.flags & re.IGNORECASE else "") + pattern.pattern, _QUIET)
    except re2.error:
        return None


_PIECE = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{[^}]*\}|.", re.DOTALL)
"""A character, escape, set or repetition in a pattern."""
_PLAIN = re.compile(r"[\w/:=@ -]|\\[^\w\s]", re.ASCII)


def needed_by(pattern: re.Pattern[str]) -> str:
    """Return the longest literal, outside sets and groups, that every match of the pattern contains; empty if
    there is none.

    Text without this literal cannot match, so the pattern need not be tried.
    """
    runs, depth = [""], 0
    body = pattern.pattern.removeprefix(r"\b(?:").removesuffix(r")\b")
    for piece in _PIECE.findall(body):
        depth += (piece == "(") - (piece == ")")
        if depth < 0 or (depth == 0 and piece == "|"):
            return ""
        if depth == 0 and _PLAIN.fullmatch(piece):
            runs[-1] += piece[-1]
        elif depth == 0:
            if piece[0] in "?*{":  # the preceding piece is optional
                runs[-1] = runs[-1][:-1]
            runs.append("")
    return "" if pattern.flags & (re.IGNORECASE | re.VERBOSE) else max(runs, key=len)


def _is_random(value: str, *, quoted: bool) -> bool:
    if len(value) < LEAST_LENGTH or _SAMPLE.search(value) or _NO_VALUE.search(value):
        return False
    letters = any(character.isalpha() for character in value)
    digits = any(character.isdigit() for character in value)
    if not (letters and digits) or (_CODE.fullmatch(value) and not _looks_minted(value, quoted)):
        return False
    if not quoted and re.search(r"[()\[\]]", value):
        return False
    return entropy(value) >= LEAST_ENTROPY


def _looks_minted(value: str, quoted: bool) -> bool:
    """Return whether a value that could be a name is more likely random, with many digits among letters."""
    digits = sum(character.isdigit() for character in value)
    changes = sum(a.isdigit() != b.isdigit() for a, b in itertools.pairwise(value))
    return len(value) >= (12 if quoted else 16) and digits >= 3 and changes >= 5


def entropy(text: str) -> float:
    """Return the Shannon entropy in bits per character."""
    counts = Counter(text)
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts.values())
