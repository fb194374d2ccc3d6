"""terraform plan and apply: the totals, each resource with its action, forced replacements, errors."""

import re

from server.digests.recognisers.base import MOST_KEPT, Ends, Recogniser, literal
from server.digests.values import Fact, Line, Part, Section

_TOTAL = re.compile(
    r"^(?:Plan: |No changes\.|Apply complete! |Destroy complete! |Changes to Outputs:|Success! |"
    r"Your infrastructure matches)"
)
_RESOURCE = re.compile(
    r"^ *# (?P<name>\S+) (?P<what>(?:will be|must be|is tainted|has moved|has changed|has been).*)$"
)
_FORCED = re.compile(r"^\s*[~+-/]+ +(?P<what>\S.*# forces replacement.*)$")
_CHANGED = re.compile(r"^ +~ (?P<what>\S+ +=? ?.* -> .+)$")
_MESSAGE = re.compile(r"^[│|]? ?(?P<kind>Error|Warning): (?P<text>.+)$")
_DETAIL = re.compile(r"^(?:[│|] +|  (?=on \S+ line \d|with ))(?P<text>\S.*)$")
_OUTPUT = re.compile(r"^  [~+-] \S+ += \S.*$")
_PROGRESS = re.compile(
    r"^\S+: (?:Refreshing state|Reading|Read complete|Creating|Creation complete|Destroying|"
    r"Destruction complete|Modifying|Modifications complete|Still [a-z]+)\.*(?: |$)"
)


class Terraform(Recogniser):
    """Terraform and OpenTofu."""

    name = "terraform"
    triggers = (
        r"^(?:Terraform|OpenTofu) (?:will perform|used the selected|planned|has been successfully)",
        r"^ *# \S+ (?:will be|must be|is tainted|has moved|has changed)",
        r"^(?:Plan: \d+ to|No changes\. |Apply complete! |Destroy complete! )",
        r"^[│|]? ?(?:Error|Warning): ",
        r"^[│╷╵]",
        r"^\S+: (?:Refreshing state|Reading|Creating|Destroying|Modifying|Still [a-z]+)\.\.\.",
        r"^\S+: (?:Read|Creation|Destruction|Modifications) complete after ",
    )

    def __init__(self) -> None:
        super().__init__()
        self._totals: Ends[Part] = Ends()
        self._resources: list[tuple[Part, list[Part]]] = []
        self._messages: Ends[tuple[str, Part, list[Part]]] = Ends()
        self._seen = False

    def feed(self, line: Line) -> bool:
        text = line.text
        if text.startswith(("Terraform ", "OpenTofu ", "╷", "╵")):
            self._seen = True
            self.open = True
            return True
        if _PROGRESS.match(text):
            return True
        if _TOTAL.match(text) or (self._totals and _OUTPUT.match(text)):
            self._totals.append(literal(line))
            return True
        if found := _RESOURCE.match(text):
            self.open = True
            if len(self._resources) < MOST_KEPT:
                self._resources.append((literal(line, f"{found['name']} {found['what']}"), []))
            return True
        if (found := _MESSAGE.match(text)) and (self._seen or text.startswith("│")):
            self._messages.append((found["kind"], literal(line, f"{found['kind']}: {found['text']}"), []))
            self._seen = self.open = True
            return True
        return self.open and self._detail(line)

    def facts(self) -> list[Fact]:
        if not (self._seen and (self._totals or self._resources or self._messages)):
            return []
        found = [
            Fact(Section.RESULT, (Part(p.text, p.line, 98 - min(i, 9)),)) for i, p in enumerate(self._totals)
        ]
        for kind, part, details in self._messages:
            worth = 92 if kind == "Error" else 70
            section = Section.ERROR if kind == "Error" else Section.WARNING
            more = (Part(p.text, p.line, worth - 4 - 4 * i) for i, p in enumerate(details[:6]))
            found.append(Fact(section, (Part(part.text, part.line, worth), *more)))
        return found + self._resource_facts()

    def _resource_facts(self) -> list[Fact]:
        """Return one fact per action with its resource names and reasons, destroyed resources first."""
        groups: dict[str, list[tuple[Part, list[Part]]]] = {}
        for part, details in self._resources:
            groups.setdefault(part.text.partition(" ")[2], []).append((part, details))
        found = []
        for what, members in groups.items():
            risky = re.search(r"destroyed|replaced|tainted", what) is not None
            worth = 86 if risky else 76
            first, details = members[0]
            parts = [Part(first.text, first.line, worth)]
            parts += [Part(p.text, p.line, worth - (4 if "forces" in p.text else 26)) for p in details]
            parts += [
                Part(part.text.partition(" ")[0], part.line, worth - 6 - min(place // 2, 30))
                for place, (part, _) in enumerate(members[1:])
            ]
            found.append(Fact(Section.NOTE, tuple(parts), len(members), members[-1][0].line))
        return found

    def _detail(self, line: Line) -> bool:
        text = line.text
        if (found := _DETAIL.match(text)) and self._messages:
            details = self._messages[-1][2]
            if len(details) < 6:
                details.append(literal(line, found["text"]))
            return True
        if self._resources and (found := _FORCED.match(text) or _CHANGED.match(text)):
            details = self._resources[-1][1]
            if len(details) < 6 and "(known after apply)" not in text:
                details.append(literal(line, found["what"]))
            return True
        return text.startswith((" ", "│")) or not text.strip()
