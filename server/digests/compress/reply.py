"""The reply to a compression: digests of the text, the model's sentences, and handles, within a length
limit.
"""

from collections.abc import Mapping, Sequence

from server.digests.compress.answer import Answer
from server.digests.compress.sources import Text
from server.digests.engine import Findings
from server.digests.kept import handle_line
from server.offload.run.reply import counted, short

LEAST_ROOM = 200
"""Minimum room for a file's digest (characters). Files that do not get this much are only counted."""
_LONGEST_NAME = 120
ANSWER_HEAD = "The local model points to these lines:"


def compose(
    texts: Sequence[Text], findings: Sequence[Findings], answer: Answer | None, note: str, max_length: int
) -> str:
    """Compose the reply. Each text gets an equal share of the room; unused room carries over to the next."""
    answered = _answered(texts, answer) if answer is not None and answer.said else []
    ending = [*answered, *([note] if note else [])]
    shown = texts[: max(1, (max_length - _length(ending)) // LEAST_ROOM)]
    if len(shown) < len(texts):
        ending.append(f"({counted(len(texts) - len(shown), 'more file')} without a digest for lack of room)")
    handles = {
        index: handle_line(text.handle, findings[index].lines)
        for index, text in enumerate(shown)
        if text.handle
    }
    room = max_length - _length(ending) - _length(list(handles.values()))
    digests = _digests(shown, findings, answer, room)
    parts: list[str] = []
    for index in range(len(shown)):
        parts.append(digests[index])
        if index in handles and len(shown) > 1:
            parts.append(handles[index])
    last = [handles[0]] if len(shown) == 1 and handles else []
    return "\n".join([*parts, *ending, *last])[:max_length]


def _digests(
    texts: Sequence[Text], findings: Sequence[Findings], answer: Answer | None, room: int
) -> Mapping[int, str]:
    """Return the digests by index. Short inputs go first so that long ones get the room left over."""
    meant = [said.place for said in answer.said if not said.quote] if answer is not None else []
    made: dict[int, str] = {}
    for index in sorted(range(len(texts)), key=lambda each: texts[each].size):
        share = room // (len(texts) - len(made))
        head = f"{short(texts[index].shown, _LONGEST_NAME)}: "
        first = {place.index for place in meant if place.text == index}
        digest = findings[index].digest(max(0, share - len(head) - 1), first)
        made[index] = f"{head}{digest.text}"
        room -= len(made[index]) + 1
    return made


def _answered(texts: Sequence[Text], answer: Answer) -> list[str]:
    lines = [ANSWER_HEAD]
    for said in answer.said:
        backing = said.backing
        where = f"L{backing.first}" + (f"-{backing.last}" if backing.last > backing.first else "")
        name = f"{short(texts[said.place.text].shown, _LONGEST_NAME)} " if len(texts) > 1 else ""
        lines.append(f"- {name}{where}: {said.sentence}")
    return lines


def _length(lines: Sequence[str]) -> int:
    return sum(len(line) + 1 for line in lines)
