"""Compiler and linter messages: errors before warnings, grouped by rule or kind, each with a place."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from server.digests.fold import key_of
from server.digests.recognisers.base import MOST_KEPT, computed
from server.digests.values import Fact, Part, Section

_ERROR = 84
_WARNING = 60
_QUOTED = re.compile(r"['`\"‘]([^'`\"’]+)['`\"’]")
_FEW = 12
"""Maximum number of distinct errors for all of them to be shown. Beyond that, each rule shows its first error
before any further errors.
"""
_RARE = 3
"""Number of errors per rule shown before the first error of a frequent rule."""
_SYNTAX = re.compile(r"(?i)(?:invalid-)?syntax(?:-?error)?|E999|E0001")
"""Rules that report files that cannot be parsed."""
_MANY_RULES = 8
"""Number of rules above which a line with the counts of the most frequent rules is added."""
_MOST_RULES = 20


@dataclass(slots=True)
class _Message:
    message: Part
    rule: Part | None
    place: Part | None
    details: list[Part]
    count: int = 1
    last: int = 0


@dataclass(slots=True)
class _Group:
    rule: str
    total: int = 0
    messages: dict[str, _Message] = field(default_factory=dict)


class Diagnostics:
    """All messages from a run, grouped as they arrive."""

    def __init__(self) -> None:
        self.counts = {"error": 0, "warning": 0}
        self._groups: dict[tuple[str, str], _Group] = {}
        self._kept = 0

    def add(
        self,
        severity: str,
        message: Part,
        place: Part | None = None,
        rule: Part | None = None,
        details: list[Part] | None = None,
    ) -> list[Part]:
        """Count a message. Return its list of details, which the caller can extend."""
        self.counts[severity] = self.counts.get(severity, 0) + 1
        named = rule.text if rule else key_of(_bare(message.text))
        if (severity, named) not in self._groups and self._kept >= MOST_KEPT:
            return []
        group = self._groups.setdefault((severity, named), _Group(rule.text if rule else ""))
        group.total += 1
        last = max(message.line, place.line if place else 0)
        if known := group.messages.get(message.text):
            known.count += 1
            known.last = last
            return []
        kept = _Message(message, rule, place, details if details is not None else [], last=last)
        if self._kept < MOST_KEPT:
            self._kept += 1
            group.messages[message.text] = kept
        return kept.details

    def facts(self) -> list[Fact]:
        """Return the facts: rare errors first, then frequent ones, then warnings by frequency."""
        errors = [group for (severity, _), group in self._groups.items() if severity == "error"]
        others = [group for (severity, _), group in self._groups.items() if severity != "error"]
        different = sum(len(group.messages) for group in errors)
        found = self._frequent()
        for place, group in enumerate(sorted(errors, key=_urgency)):
            worth = _ERROR - min(place // 4, 8)
            found += _facts(
                Section.ERROR, group, worth, 0 if min(different - _FEW, group.total - _RARE) <= 0 else 14
            )
        for place, group in enumerate(sorted(others, key=lambda group: -group.total)):
            found += _facts(Section.WARNING, group, _WARNING - min(place // 2, 12), 20)
        return found

    def _frequent(self) -> list[Fact]:
        """Return the most frequent rules if there are many rules."""
        rules = Counter({group.rule: group.total for group in self._groups.values() if group.rule})
        if len(rules) <= _MANY_RULES:
            return []
        told = [f"{rule} ×{count}" for rule, count in rules.most_common(_MOST_RULES)]
        label = computed(f"{len(rules)} rules, most often", 88)
        return [Fact(Section.RESULT, (label, *(computed(text, 87) for text in told)))]


def _urgency(group: _Group) -> tuple[bool, int]:
    """Return the sort key for errors: files that cannot be read first, then rare errors."""
    return not _SYNTAX.fullmatch(group.rule), group.total


def _facts(section: Section, group: _Group, worth: int, step: int) -> Iterator[Fact]:
    """Yield a group's messages, starting with one per cluster. The smallest cluster comes first."""
    several = len(group.messages) > 1
    clusters = _clusters(list(group.messages.values()))
    for place, (rank, size, message) in enumerate(
        sorted(
            (
                (rank, min(len(cluster) // 4, 6), cluster[rank])
                for cluster in clusters
                for rank in range(len(cluster))
            ),
            key=lambda item: item[0],
        )
    ):
        own = worth - (step // 2 + min(place, 15) if place else 0) - (step // 2 + 4 + size if rank else 0)
        lower = 12 if section is Section.WARNING and group.rule and not place else 0
        parts = [replace(message.message, worth=own - lower)]
        if message.rule and not place:
            parts.append(replace(message.rule, worth=own - 1))
        if message.place:
            parts.append(replace(message.place, worth=own - 2 if section is Section.ERROR else own - 8))
        if several and not place:
            label = f"{group.rule} ×{group.total}" if group.rule else f"×{group.total} of this kind"
            parts.append(computed(label, own + 1))
        parts += [replace(part, worth=own - 24 - 3 * index) for index, part in enumerate(message.details[:5])]
        yield Fact(section, tuple(parts), message.count, message.last if message.count > 1 else 0)


def _clusters(messages: list[_Message]) -> list[list[_Message]]:
    """Cluster messages by their most common quoted name, smallest cluster first."""
    names = Counter(name for message in messages for name in set(_QUOTED.findall(message.message.text)))
    clusters: dict[tuple[str, int, str, str], list[_Message]] = {}
    for message in messages:
        text = message.message.text
        common = max(_QUOTED.findall(text), key=lambda name: names[name], default="")
        shared = common if names[common] > 1 else ""
        words = key_of(_bare(text)).split()
        clusters.setdefault((" ".join(words[:3]), len(words), words[-1] if words else "", shared), []).append(
            message
        )
    return sorted(clusters.values(), key=lambda cluster: sum(message.count for message in cluster))


def _bare(text: str) -> str:
    """Return a message without the names it quotes."""
    kept, quoted = [], ""
    for character in text[:300]:
        if quoted:
            if character == quoted:
                quoted = ""
        elif character in "'`\"‘":
            quoted = "’" if character == "‘" else character
        else:
            kept.append(character)
    return "".join(kept)
