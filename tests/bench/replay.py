"""Real commits as tasks: a commit's message is the task, its own result the model's answer.

    uv run python -m tests.bench.replay PATH_OF_A_REPOSITORY [--commits 200] [--seed 1] [--show]

Every answer is right, so that all of them should be delivered, byte for byte and mostly without a notice. Of
each commit that edits a file by definitions or keys there is a mutated form, too: one definition, key,
decorator or top comment is lost or altered where the commit changes nothing. That should be refused or named.
"""

import argparse
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath

from server.offload.asking.plan import make_plan
from server.offload.checks.run import check_answer
from server.offload.code.languages import PLAIN_FENCES, language_of
from server.offload.code.syntax import definitions
from server.offload.compare.hunks import hunks
from server.offload.files.textfile import apply_edits, decode
from server.offload.files.workspace import Reading, digest_of
from server.offload.values import Generation, Source, Target, Task, Verdict
from tests.bench.support.mutations import Mutation, mutate

MOST_LINES = 60
"""Changed lines of a small commit."""
MOST_FILES = 6
LARGEST = 60_000
"""Bytes of a file that a model would be asked to edit."""
MOST_OUTPUT = 32_000


@dataclass(frozen=True)
class Edited:
    """One file of one commit, before and after."""

    commit: str
    message: str
    path: str
    before: bytes
    after: bytes


@dataclass
class Tally:
    """Outcomes of one form of tasks, with the reasons of those that are not plain deliveries."""

    counts: Counter[str] = field(default_factory=Counter)
    reasons: list[str] = field(default_factory=list)

    def add(self, outcome: str, reason: str) -> None:
        """Count one outcome."""
        self.counts[outcome] += 1
        if reason:
            self.reasons.append(f"{outcome}: {reason}")


@dataclass
class Report:
    """All outcomes, by form: whole files, selections, blocks, and mutated whole files."""

    forms: dict[str, Tally] = field(default_factory=dict)

    def add(self, form: str, outcome: str, reason: str) -> None:
        """Count one outcome of a form."""
        self.forms.setdefault(form, Tally()).add(outcome, reason)

    def share(self, outcomes: Sequence[str], *, mutated: bool) -> float:
        """Return the share of some outcomes among all right, or all mutated, answers."""
        tallies = [tally for form, tally in self.forms.items() if (form == "mutated") == mutated]
        total = sum(tally.counts.total() for tally in tallies)
        return sum(tally.counts[name] for tally in tallies for name in outcomes) / total if total else 1.0


def edited_files(repository: Path, most: int) -> Iterator[Edited]:
    """Yield the files that small commits edit, the newest commits first."""
    log = _git(repository, "log", "--no-merges", "--format=%H", f"-{most * 4}").decode().split()
    found = 0
    for commit in log:
        if found >= most:
            return
        numbers = _git(repository, "show", "--numstat", "--format=", "--diff-filter=M", "-M", commit).decode(
            errors="replace"
        )
        rows = [line.split("\t") for line in numbers.split("\n") if line.count("\t") == 2]
        if not rows or len(rows) > MOST_FILES or any("-" in row[:2] for row in rows):
            continue
        if sum(int(row[0]) + int(row[1]) for row in rows) > MOST_LINES:
            continue
        message = _git(repository, "log", "-1", "--format=%B", commit).decode(errors="replace").strip()
        for _, _, path in rows:
            if " => " in path or path.startswith('"'):
                continue
            before = _git(repository, "show", f"{commit}^:{path}")
            after = _git(repository, "show", f"{commit}:{path}")
            if 0 < len(before) <= LARGEST and after.strip() and before.split() != after.split():
                found += 1
                yield Edited(commit[:10], message, path, before, after)


def replay(files: Iterator[Edited], seed: int, *, mutated: bool = True) -> Report:
    """Pose each file in all forms that it has and count what becomes of the answers."""
    report = Report()
    chance = random.Random(seed)
    for each in files:
        try:
            before, after = decode(each.before, each.path), decode(each.after, each.path)
        except Exception as error:  # noqa: BLE001 - no text: neither side would be read
            print(f"{each.path}: {error}", file=sys.stderr)
            continue
        if before.text == after.text:
            continue
        texts = (before.text, after.text)
        _count(report, "whole", each, _whole(each, *texts), texts[1])
        if (part := _selected(each, *texts)) is not None:
            _count(report, "selection", each, part, texts[1])
        if (blocks := _blocks(each, *texts)) is not None:
            _count(report, "blocks", each, blocks, texts[1])
        if mutated and (mutation := mutate(*texts, each.path, chance)) is not None:
            _count_mutated(report, each, mutation, texts[0])
    return report


def _whole(each: Edited, before: str, after: str) -> Verdict:
    plan_source = _source(each, before, 0, len(before))
    return _verdict(each, plan_source, _fenced(each.path, after), kind="edit_file")


def _selected(each: Edited, before: str, after: str) -> Verdict | None:
    """Pose the innermost definition around all that the commit changes, if it has the same name after."""
    language = language_of(each.path)
    if language is None or not language.has_definitions:
        return None
    start = next((i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), None)
    if start is None:
        return None
    ends = enumerate(zip(reversed(before), reversed(after), strict=False))
    tail = next((i for i, (a, b) in ends if a != b), min(len(before), len(after)))
    end = len(before) - tail
    around = [d for d in definitions(before, language) if d.start <= start and end <= d.end]
    if not around:
        return None
    inner = max(around, key=lambda d: d.level)
    others = [d for d in definitions(before, language) if d.name == inner.name]
    new = [d for d in definitions(after, language) if d.name == inner.name and d.start == inner.start]
    if len(others) != 1 or len(new) != 1 or before[inner.end :] != after[new[0].end :]:
        return None
    source = _source(each, before, inner.start, inner.end, inner.name)
    return _verdict(each, source, _fenced(each.path, after[new[0].start : new[0].end]))


def _blocks(each: Edited, before: str, after: str) -> Verdict | None:
    """Pose the commit as search/replace blocks with lines around, where those are unique."""
    lines = before.split("\n")
    runs = hunks(before, after)
    parts: list[str] = []
    done = 0
    for index, hunk in enumerate(runs):
        begin, end = hunk.start - 1, hunk.start - 1 + len(hunk.old)
        limit = runs[index + 1].start - 1 if index + 1 < len(runs) else len(lines)
        for around in range(1, 12):
            first, last = max(done, begin - around), min(limit, end + around)
            searched = lines[first:last]
            kept = [*lines[first:begin], *hunk.new, *lines[end:last]]
            # An edit that leaves one empty line looks like one that leaves nothing.
            if any(searched) and kept != [""] and _places(lines, searched) == 1:
                break
        else:
            return None
        search = "\n".join(searched)
        replaced = "\n".join(kept)
        if any(mark in search + replaced for mark in ("<<<<<<<", "=======", ">>>>>>>")):
            return None
        parts.append(f"<<<<<<< SEARCH\n{search}\n=======\n{replaced}\n>>>>>>> REPLACE")
        done = last
    return _verdict(each, _source(each, before, 0, len(before)), "\n".join(parts), kind="edit_blocks")


def _places(lines: list[str], searched: list[str]) -> int:
    return sum(lines[at : at + len(searched)] == searched for at in range(len(lines) - len(searched) + 1))


def _verdict(each: Edited, source: Source, answer: str, kind: str = "") -> Verdict:
    target = Target(source.path, source.shown, source.digest, source.text)
    plan = make_plan(Task(each.message, (each.path,), each.path), Reading((source,), target), MOST_OUTPUT)
    if kind and plan.kind != kind:
        plan = replace(plan, kind=kind, edited=source, parts=())
    return check_answer(plan, Generation(answer, "", "stop", 1, 1))


def _source(each: Edited, text: str, start: int, end: int, selection: str = "") -> Source:
    decoded = decode(each.before, each.path)
    return Source(
        path=Path("/project", each.path),
        shown=each.path,
        text=text,
        digest=digest_of(each.before),
        start=start,
        end=end,
        selection=selection,
        encoding=decoded.encoding,
        guessed=decoded.guessed,
    )


def _fenced(path: str, text: str) -> str:
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    language = language_of(path)
    name = language.fence if language else PLAIN_FENCES.get(PurePath(path).suffix.lower(), "")
    return f"{fence}{name}\n{text.removesuffix(chr(10))}\n{fence}"


def _count(report: Report, form: str, each: Edited, verdict: Verdict, after: str) -> None:
    where = f"{each.commit} {each.path}"
    if not verdict.passed:
        report.add(form, "refused", f"{where}: {verdict.reason}")
        return
    written = decode(apply_edits(each.before, verdict.edits, each.path), each.path).text
    if _same(written) != _same(after):
        report.add(form, "damaged", f"{where}: not what the answer said")
    elif verdict.notices:
        report.add(form, "noticed", f"{where}: {'; '.join(n.text for n in verdict.notices)}")
    else:
        report.add(form, "delivered", "")


def _same(text: str) -> str:
    """Return a text without what an answer cannot tell or the app drops on purpose: blanks at line ends."""
    return "\n".join(line.rstrip() for line in text.rstrip("\n").split("\n"))


def _count_mutated(report: Report, each: Edited, mutation: Mutation, before: str) -> None:
    verdict = _whole(each, before, mutation.text)
    where = f"{each.commit} {each.path}"
    if not verdict.passed:
        report.add("mutated", "refused", "")
        return
    written = decode(apply_edits(each.before, verdict.edits, each.path), each.path).text
    named = any(word[:40] in notice.text for notice in verdict.notices for word in mutation.words)
    if named:
        report.add("mutated", "named", "")
    elif verdict.notices:
        report.add("mutated", "noticed", f"{where}: {mutation.what}; {[n.text for n in verdict.notices]}")
    elif _same(written) != _same(mutation.text):
        report.add("mutated", "restored", "")
    else:
        report.add("mutated", "missed", f"{where}: {mutation.what}")


def _git(repository: Path, *arguments: str) -> bytes:
    return subprocess.run(["git", "-C", str(repository), *arguments], capture_output=True, check=False).stdout


def main() -> None:
    """Print what becomes of the answers."""
    parser = argparse.ArgumentParser(description="Replay real commits as answers.")
    parser.add_argument("repository", type=Path)
    parser.add_argument("--commits", type=int, default=200, help="files of commits at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", action="store_true", help="list refusals, notices and misses")
    given = parser.parse_args()
    report = replay(edited_files(given.repository, given.commits), given.seed)
    for form, tally in report.forms.items():
        print(f"{form}: {dict(tally.counts)}")
        for reason in tally.reasons if given.show else ():
            print(f"  {reason[:300]}")
    delivered = report.share(("delivered", "noticed"), mutated=False)
    plain = report.share(("delivered",), mutated=False)
    found = report.share(("refused", "named", "restored"), mutated=True)
    print(f"delivered {delivered:.1%}, without a notice {plain:.1%}, losses found {found:.1%}")


if __name__ == "__main__":
    main()
