"""Real commits as tasks: a commit's message is the task, its own result the model's answer.

    uv run python -m tests.bench.replay REPOSITORY... [--commits 90] [--seed 1] [--json FILE] [--show]

Every answer is right, so that all of them should be delivered, byte for byte and mostly without a notice. Of
each file there are up to two mutated forms, too: one definition, key, decorator or top comment is lost, or
altered, where the commit changes nothing. That should be refused or named. With ``--json`` each result is
saved at once as a line of JSON; files in it are not posed again. Each repository has its own chance, so that
a part of the repositories gives the same results.
"""

import argparse
import json
import random
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePath

from server.offload.asking.plan import make_plan
from server.offload.checks.run import check_answer
from server.offload.code.languages import PLAIN_FENCES, language_of
from server.offload.code.syntax import definitions
from server.offload.compare.hunks import hunks
from server.offload.files.textfile import apply_edits, decode
from server.offload.files.workspace import Reading, digest_of
from server.offload.run.reply import noticed
from server.offload.values import Generation, Source, Target, Task, Verdict
from tests.bench.support.alterations import alter
from tests.bench.support.commits import Edited, edited_files
from tests.bench.support.mutations import Mutation, mutate

MOST_OUTPUT = 32_000
RIGHT = ("whole", "selection", "blocks")
FOUND = ("refused", "named", "restored")
"""``counted`` is not among them: the history names the change, and the reply only counts it."""
SHOWN_OF_NAME = 24
"""Characters that a notice must show of a name: its first ones, or half as many of its last ones. A long name
loses its middle."""


@dataclass(frozen=True)
class Result:
    """The outcome of one posed answer.

    ``form`` is ``whole``, ``selection``, ``blocks``, ``lost`` or ``altered``; ``what`` is the mutation.
    ``notice`` is the text of all notices in the reply.
    """

    repository: str
    commit: str
    path: str
    form: str
    outcome: str
    reason: str = ""
    what: str = ""
    notice: str = ""


def share(results: Iterable[Result], forms: Sequence[str], outcomes: Sequence[str]) -> float:
    """Return the share of some outcomes among the results of some forms."""
    own = [each.outcome for each in results if each.form in forms]
    return sum(each in outcomes for each in own) / len(own) if own else 1.0


def replay(repository: str, files: Iterable[Edited], seed: int) -> Iterator[Result]:
    """Pose each file in all forms that it has and yield what becomes of the answers."""
    for each in files:
        chance = random.Random(f"{seed} {each.commit} {each.path}")
        try:
            before, after = decode(each.before, each.path).text, decode(each.after, each.path).text
        except Exception as error:  # noqa: BLE001 - no text: neither side would be read
            print(f"{each.path}: {error}", file=sys.stderr)
            continue
        if before == after:
            continue
        forms: tuple[tuple[str, Verdict | None], ...] = (
            ("whole", _whole(each, before, after)),
            ("selection", _selected(each, before, after)),
            ("blocks", _blocks(each, before, after)),
        )
        for form, verdict in forms:
            if verdict is not None:
                yield _right(repository, form, each, verdict, after)
        for form, mutation in (
            ("lost", mutate(before, after, each.path, chance)),
            ("altered", alter(before, after, each.path, chance)),
        ):
            if mutation is not None:
                yield _mutated(repository, form, each, mutation, before)


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


def _right(repository: str, form: str, each: Edited, verdict: Verdict, after: str) -> Result:
    result = Result(repository, each.commit, each.path, form, "delivered")
    if not verdict.passed:
        return replace(result, outcome="refused", reason=verdict.reason)
    written = decode(apply_edits(each.before, verdict.edits, each.path), each.path).text
    if _same(written) != _same(after):
        return replace(result, outcome="damaged", reason="not what the answer said")
    if verdict.notices:
        reason = "; ".join(notice.text for notice in verdict.notices)
        return replace(result, outcome="noticed", reason=reason, notice=noticed(verdict.notices))
    return result


def _same(text: str) -> str:
    """Return a text without what an answer cannot tell or the app drops on purpose: blanks at line ends."""
    return "\n".join(line.rstrip() for line in text.rstrip("\n").split("\n"))


def _mutated(repository: str, form: str, each: Edited, mutation: Mutation, before: str) -> Result:
    verdict = _whole(each, before, mutation.text)
    result = Result(repository, each.commit, each.path, form, "missed", what=mutation.what)
    if not verdict.passed:
        return replace(result, outcome="refused", reason=verdict.reason)
    written = decode(apply_edits(each.before, verdict.edits, each.path), each.path).text
    reason = "; ".join(notice.text for notice in verdict.notices)
    notice = noticed(verdict.notices)
    if any(
        word[:SHOWN_OF_NAME] in notice or word[-SHOWN_OF_NAME // 2 :] in notice for word in mutation.words
    ):
        return replace(result, outcome="named", reason=reason, notice=notice)
    if _same(written) != _same(mutation.text):
        return replace(result, outcome="restored")
    if any(word[:40] in each.text for each in verdict.notices for word in mutation.words):
        return replace(result, outcome="counted", reason=reason, notice=notice)
    return replace(result, reason=reason)


def main() -> None:
    """Print what becomes of the answers, by repository and in all."""
    parser = argparse.ArgumentParser(description="Replay real commits as answers.")
    parser.add_argument("repositories", type=Path, nargs="+")
    parser.add_argument("--commits", type=int, default=90, help="small commits of each repository at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="where results are kept, line by line")
    parser.add_argument("--show", action="store_true", help="list refusals, notices and misses")
    given = parser.parse_args()
    results = _kept(given.json)
    for path in given.repositories:
        name = path.resolve().name if path.resolve().name != "repo" else path.resolve().parent.name
        known = {(each.repository, each.commit, each.path) for each in results}
        files = (e for e in edited_files(path, given.commits) if (name, e.commit, e.path) not in known)
        for each in files:
            fresh = list(replay(name, [each], given.seed))
            results += fresh
            if given.json:
                with given.json.open("a", encoding="utf-8") as file:
                    file.writelines(json.dumps(asdict(result)) + "\n" for result in fresh)
    _print(results, show=given.show)


def _kept(path: Path | None) -> list[Result]:
    if path is None or not path.exists():
        return []
    return [Result(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def _print(results: list[Result], *, show: bool) -> None:
    columns = ("repository", "commits", "answers", "delivered", "without a notice", "damaged", "losses found",
               "alterations found")  # fmt: skip
    print(f"| {' | '.join(columns)} |\n| --- |{' ---: |' * (len(columns) - 1)}")
    for name in dict.fromkeys(each.repository for each in results):
        _row(name, [each for each in results if each.repository == name])
    _row("**all**", results)
    for form in (*RIGHT, "lost", "altered"):
        print(f"{form}: {dict(Counter(each.outcome for each in results if each.form == form))}")
    for each in results if show else ():
        if each.outcome in ("refused", "noticed", "damaged") and each.form in RIGHT:
            print(f"{each.form} {each.outcome} {each.commit} {each.path}: {each.reason[:200]}")
        elif each.outcome == "missed":
            print(f"{each.form} missed {each.commit} {each.path}: {each.what[:100]}; {each.reason[:100]}")


def _row(name: str, results: list[Result]) -> None:
    own = [each for each in results if each.form in RIGHT]
    commits = len({(each.repository, each.commit) for each in results})
    damaged = sum(each.outcome == "damaged" for each in own)
    shares = " | ".join(
        f"{share(own, RIGHT, each):.1%}" for each in (("delivered", "noticed"), ("delivered",))
    )
    found = " | ".join(f"{share(results, (form,), FOUND):.1%}" for form in ("lost", "altered"))
    print(f"| {name} | {commits} | {len(own):,} | {shares} | {damaged} | {found} |")


if __name__ == "__main__":
    main()
