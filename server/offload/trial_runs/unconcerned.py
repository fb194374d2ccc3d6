"""Functions that an edit is not about: they must behave the same before and after it.

The task names the definitions to be changed. Every other function that the edit could have affected, through
its own text or a definition it uses, is called with generated arguments in both versions.
"""

from collections.abc import Mapping

from server.execution.findings import Runs
from server.execution.runtime import Runtime
from server.execution.sandbox.values import JobResult
from server.offload.asking.plan import Plan
from server.offload.code.mentions import Mentions
from server.offload.values import Notice

_MOST_NAMED = 2


async def changed_behaviour(
    sandbox: Runs, runtime: Runtime, plan: Plan, after: str, files: Mapping[str, str]
) -> list[Notice]:
    """Return a notice for each function that the task does not name but that now behaves differently.

    If the task names no definition as code, nothing is compared, because the task may be about all of them.
    """
    before = plan.edited.text if plan.edited is not None else ""
    names = _possibly_changed(runtime, plan.task.task, before, after)
    calls = runtime.generated_calls(before, names) if names else []
    if not calls:
        return []
    results = [await runtime.probe(sandbox, text, calls, files) for text in (before, before, after)]
    first, second, last = (_answers(each) for each in results)
    different: dict[str, str] = {}
    for place, call in enumerate(calls):
        old, new = first.get(place), last.get(place)
        if old is not None and new is not None and old == second.get(place) and old != new:
            different.setdefault(call.partition("(")[0], call)
    return [
        Notice(
            f"`{call}` returns a different result than before, and the task does not name {name}", likely=True
        )
        for name, call in list(different.items())[:_MOST_NAMED]
    ]


def _possibly_changed(runtime: Runtime, task: str, before: str, after: str) -> list[str]:
    """Return the functions present in both texts that the edit may have changed and the task does not name.

    A function that uses a definition named by the task, or is used by one, is expected to change as well.
    """
    old, new = runtime.definitions(before), runtime.definitions(after)
    mentions = Mentions(task)
    named = {name for name in {*old, *new} if mentions.has_as_code(name)}
    if not named:
        return []
    own = {name for name in old.keys() & new.keys() if old[name] != new[name]} - named
    changed = own | (named & {name for name in {*old, *new} if old.get(name) != new.get(name)})
    uses = {name: runtime.uses(after, name) & {*old, *new} for name in new}
    concerned = named.union(*(_reached(uses, name) for name in named))
    return sorted(
        name
        for name in old.keys() & new.keys() - concerned
        if name in own or (_reached(uses, name) & changed and not _reached(uses, name) & named)
    )


def _reached(uses: Mapping[str, frozenset[str]], name: str) -> frozenset[str]:
    """Return the definitions that a function uses, directly or indirectly."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for each in uses.get(waiting.pop(), frozenset()) - found:
            found.add(each)
            waiting.append(each)
    return frozenset(found - {name})


def _answers(result: JobResult | None) -> dict[int, str]:
    """Return the result of each call: its value with the arguments it changed, or the class of its error."""
    answers: dict[int, str] = {}
    for record in result.records if result is not None else ():
        if not isinstance(place := record.get("index"), int):
            continue
        if "value" in record:
            answers[place] = repr((record["value"], record.get("changed")))
        else:
            answers[place] = str(next(iter(record.get("error", {}).get("types", ())), ""))
    return answers
