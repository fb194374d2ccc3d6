"""The reply to Claude at the end of an offload: facts only, at most 400 characters."""

from collections.abc import Sequence

from server.ledger.tokens import estimate_tokens
from server.offload.values import Attempt, Check, Delivery, Notice, Strength, Verdict

LONGEST = 400
NOTICE_TOKENS = 40
"""Maximum tokens for all notices in a reply, estimated for current Claude models."""
MOST_NAMED = 4
"""Maximum number of changes named in a reply."""
SHORTEST_NAMED = 35
"""Minimum length, in characters, of each change's text when there are several."""
NOTICE_LENGTHS = (120, 90, 70, 50, 42, 35, 20)
"""Lengths that notices can be cut to, in characters; the first one that fits is used."""
LONGEST_PATH, SHORTEST_PATH = 120, 40
"""Path lengths in a reply, in characters; the shorter one is for replies with long notices."""
LONG_TEXT = 2_000
"""Length, in characters, above which the hint about ``output`` in a returned text is worth its tokens."""
RUN: tuple[Strength, ...] = ("tests ran", "examples ran", "samples agree")
"""Strengths that a reply names along with the text itself, because the text was executed."""
HANDED_BACK = "Handed back"
NOTHING_WRITTEN = "Nothing was written"
NOT_BY_CLAUDE = "net 0, not by Claude"
_ENDS = (".", "!", "?", "…", ":")
"""Endings that need no full stop after them."""
HINT = "\n\n(Pass `output` to write long text to a file and get a short reply.)"


def delivered(
    offload_id: str,
    delivery: Delivery,
    verdict: Verdict,
    *,
    failed: int,
    model: str,
    seconds: float,
    net: int,
    by_user: bool = False,
) -> str:
    """Return the reply for a written file. ``failed`` counts the tries that failed a check. ``net`` is what
    the call saved, or for a user's call, what it would have saved if Claude had made it.
    """
    change = f"+{delivery.added} -{delivery.removed}" + (" (new)" if delivery.before is None else "")
    checks = ", ".join(check.name for check in verdict.checks)
    unchecked = f" Not checked: {', '.join(verdict.unchecked)}." if verdict.unchecked else ""
    after = f" after {counted(failed, 'failed try', 'failed tries')}" if failed else ""
    saved = f"{NOT_BY_CLAUDE} (by Claude: {net:+,} tokens)" if by_user else f"net {net:+,} tokens"
    cost = f"{short(model, 50)}, {seconds:.1f} s, {saved}"
    word = verdict.strength.capitalize()
    tail = f"{word}{after}; checks: {checks}.{unchecked} {cost}."
    end = f" id {offload_id}"
    notices = noticed(verdict.notices)
    said = f". {notices}" if notices else "."
    room = LONGEST - len(f": {change} lines{said}\n{tail}{end}")
    shown = short_path(delivery.shown, max(SHORTEST_PATH, room))
    names = "" if notices else _names(delivery.names, room - len(shown) - 2)
    return f"{shown}: {change} lines{names}{said}\n{tail}"[: LONGEST - len(end)] + end


def handed_back(
    offload_id: str, failure: Check, attempts: tuple[Attempt, ...], *, by_user: bool = False
) -> str:
    """Return the reason for the hand-back, where to find the best attempt, and the next step."""
    where = f": `token-saver history {offload_id}`" if by_user else f" in the history under {offload_id}"
    tail = f"{NOTHING_WRITTEN} ({_tries(attempts, where)})."
    if attempts and not by_user:
        tail += " Do this task yourself."
    head = f"{HANDED_BACK}, {failure.code} ({failure.name}): "
    why = short(failure.message, LONGEST - len(head) - len(tail) - 2)
    return f"{head}{why}{'' if why.endswith(_ENDS) else '.'} {tail}"


def hand_back_reason(text: str) -> str:
    """Return the reason in the reply of a hand-back, without the code, the tries and the advice for Claude.
    Other texts are returned unchanged.
    """
    head, colon, rest = text.partition("): ")
    if not colon or not head.startswith(f"{HANDED_BACK}, "):
        return text
    return rest.partition(f" {NOTHING_WRITTEN} (")[0]


def _tries(attempts: tuple[Attempt, ...], where: str) -> str:
    if not attempts:
        return "the model was not asked"
    best = max(attempts, key=lambda each: (sum(check.passed for check in each.verdict.checks), each.number))
    attempts = tuple(each for each in attempts if each.prompt.kind != "inputs")
    tries = "1 try, kept" if len(attempts) == 1 else f"{len(attempts)} tries, the best is no. {best.number}"
    return tries + where


def noticed(notices: Sequence[Notice]) -> str:
    """Return the notices on one line of at most ``NOTICE_TOKENS``, likely mistakes first, or an empty string
    if there are none.
    """
    texts = [each.text for each in sorted(notices, key=lambda each: not each.likely)]
    if not texts:
        return ""
    lines = [
        _notice([_shortened(each, length) for each in texts[:count]], len(texts) - count)
        for count in range(min(len(texts), MOST_NAMED), 0, -1)
        for length in NOTICE_LENGTHS
        if count == 1 or length >= SHORTEST_NAMED
    ]
    fitting = next((line for line in lines if estimate_tokens(line, "B") <= NOTICE_TOKENS), "")
    return fitting or f"Notice: {counted(len(texts), 'remark')} in the history."


def _shortened(text: str, longest: int) -> str:
    """Return the text on one line of at most ``longest`` characters.

    The first two words say what happened, the rest what it happened to. A signature loses its parameters, a
    long name its middle, because its end is the most specific part, and prose its middle, but keeps more of
    its start.
    """
    line = " ".join(text.split())
    what = _what(line)
    name, parenthesis, _ = line[len(what) + 1 :].partition("(")
    if len(line) > longest and parenthesis and " " not in name:
        line = f"{what} {name}(…)"
    if len(line) <= longest:
        return line
    is_name = " " not in name and len(what) < longest // 2
    head = len(what) + 1 + (longest - len(what)) // 4 if is_name else longest * 3 // 5
    return f"{line[:head]}…{line[-(longest - head - 1) :]}"


def _what(text: str) -> str:
    """Return the words that say what happened, such as "removed key"."""
    return " ".join(text.split(" ")[:2])


def _notice(shown: list[str], more: int) -> str:
    joined: list[str] = []
    for text in shown:
        what = f"{_what(text)} "
        if joined and joined[-1].startswith(what):  # "removed key a, b"
            joined[-1] += f", {text.removeprefix(what)}"
        else:
            joined.append(text)
    return f"Notice: {'; '.join(joined)}{f'; {more} more in the history' if more else ''}."


def returned(text: str, notices: Sequence[Notice] = (), strength: Strength = "not checked") -> str:
    """Return the text itself with its notices and strength, plus a hint if the text is long."""
    shown = f"{strength.capitalize()}." if strength in RUN else ""
    remarks = " ".join(filter(None, (shown, noticed(notices))))
    said = f"\n\n({remarks})" if remarks else ""
    return text + said + (HINT if len(text) > LONG_TEXT else "")


def counted(number: int, noun: str, nouns: str = "") -> str:
    """Return a number with its noun: ``1 file``, ``2 files``."""
    return f"{number:,} {noun if number == 1 else nouns or f'{noun}s'}"


def short(text: str, longest: int) -> str:
    """Return ``text`` on one line of at most ``longest`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def short_path(path: str, longest: int = LONGEST_PATH) -> str:
    """Return the end of a path, using at most ``longest`` and ``LONGEST_PATH`` characters."""
    longest = min(longest, LONGEST_PATH)
    return path if len(path) <= longest else "…" + path[-(longest - 1) :]


def _names(names: tuple[str, ...], room: int) -> str:
    for count in range(min(len(names), 8), 0, -1):
        rest = f" and {len(names) - count} more" if count < len(names) else ""
        text = f"; {', '.join(names[:count])}{rest}"
        if len(text) <= room:
            return text
    return ""
