"""``compress_context``: long files into a short digest, by way of notes on each part.

Read and fold, split by structure, take notes on every part (as many at once as the engine has slots), merge
the notes in as many levels as it takes, and put beside them the lines that a reader would look for, word for
word. A note that quotes what is not there is dropped.
"""

import asyncio
from collections.abc import Sequence

from server.backends.base import Message
from server.common.aio import cancel_and_wait
from server.common.errors import FileTooLarge
from server.digests.compress.cache import DigestCache
from server.digests.compress.sources import (
    MOST_PIECES_UNFOLDED,
    Material,
    as_source,
    focus_words,
    is_sought,
    literal_lines,
    read,
    without_repeated,
)
from server.digests.compress.split import Piece, split
from server.engine.engine import Engine
from server.ledger.receipt import Ledger
from server.offload.asking.generate import Sampling, generate
from server.offload.asking.profitability import (
    arguments_of_compression,
    require_long_enough,
    require_profitable_compression,
)
from server.offload.asking.prompt import count, estimate_tokens, template
from server.offload.checks import codes
from server.offload.checks.quotes import notes_of, verified
from server.offload.files.workspace import Workspace
from server.offload.pipeline import Offloader
from server.offload.run.state import OffloadRecorder, OffloadState
from server.offload.values import Attempt, Caller, Check, Compression, Outcome, Prompt, Report, Task, Verdict

ANSWER_TOKENS = 400
NOTES_OF_A_PIECE = 8
LEAST_CONTEXT = 4_096
"""Context to request, in tokens; if the model is loaded with a larger one, that is used."""
_PROMPT_TOKENS = 260
_MOST_LEVELS = 6


class Compressor:
    """Makes digests with the local model. Read-only: it writes nothing but its cache."""

    def __init__(
        self,
        offloader: Offloader,
        engine: Engine,
        ledger: Ledger,
        cache: DigestCache | None,
        *,
        allow_losing: bool,
    ) -> None:
        self._offloader = offloader
        self._engine = engine
        self._ledger = ledger
        self._cache = cache
        self._allow_losing = allow_losing

    async def compress(
        self,
        wanted: Compression,
        caller: Caller,
        report: Report,
        *,
        offload_id: str | None = None,
        workspace: Workspace | None = None,
    ) -> Outcome:
        """Condense files or a text; ``returned`` with the digest. Ends and raises as ``Offloader.run``."""
        task = Task(wanted.focus or "Condense", wanted.files, model=wanted.model, tool=wanted.tool)
        run = self._offloader.new_run(task, caller, report, arguments_of_compression(wanted), offload_id)
        place = workspace or self._offloader.workspace(caller)
        return await self._offloader.drive(run, lambda: self._work(run, wanted, place))

    async def _work(self, run: OffloadState, wanted: Compression, workspace: Workspace) -> Outcome:
        if not self._allow_losing:
            require_profitable_compression(wanted, self._ledger)
        run.model = await self._offloader.model_for(run)
        made = await self._digest(run, workspace, wanted, self._offloader.sampling(run))
        if isinstance(made, Check):
            return await self._offloader.hand_back(run, made)
        return await self._offloader.recorder.close(run, "returned", made, "")

    async def _digest(
        self, run: OffloadState, workspace: Workspace, wanted: Compression, sampling: Sampling
    ) -> str | Check:
        """Return the digest, at most ``wanted.max_length`` characters, or why there is none.

        Raises:
            WorkspaceError: a source is not allowed, missing, no text or too large.
            BadArguments: neither files nor content, or both.
            WouldLose: the files are too short for a digest to save anything.
            BackendError: the engine failed.
        """
        num_ctx = await self._engine.num_ctx(sampling.model, LEAST_CONTEXT)
        room = num_ctx - ANSWER_TOKENS - _PROMPT_TOKENS - estimate_tokens(wanted.focus)
        run.progress.stage("read", ", ".join(wanted.files[:3]))
        materials = await asyncio.to_thread(read, workspace, wanted, room)
        run.sources = tuple(as_source(each) for each in materials)
        if not self._allow_losing and not run.caller.by_user:
            require_long_enough(wanted, [each.head for each in materials])
        names = (part for each in materials for part in (each.shown, each.digest))
        key = DigestCache.key(*names, wanted.focus, str(wanted.max_length), sampling.model)
        if self._cache is not None and (kept := await asyncio.to_thread(self._cache.get, key)) is not None:
            return kept
        pieces = await asyncio.to_thread(_pieces, materials, room)
        worker = _Worker(self._engine, self._offloader.recorder, run, wanted, sampling, num_ctx)
        literal = literal_lines(materials, wanted)
        notes_length = wanted.max_length - len(_compose(materials, [], literal, wanted.max_length))
        found = without_repeated(await worker.map(pieces, len(materials) > 1), literal)
        notes = without_repeated(await worker.reduce(found, room, notes_length), literal)
        if not notes and not literal:
            return _nothing(run.attempts, len(found), wanted.max_length)
        text = _compose(materials, notes, literal, wanted.max_length)
        if self._cache is not None:
            await asyncio.to_thread(self._cache.put, key, text)
        return text


class _Worker:
    """Asks the model about the parts of one compression."""

    def __init__(  # noqa: PLR0917 - what every round of one compression shares
        self,
        engine: Engine,
        recorder: OffloadRecorder,
        run: OffloadState,
        wanted: Compression,
        sampling: Sampling,
        num_ctx: int,
    ) -> None:
        self._engine = engine
        self._recorder = recorder
        self._run = run
        self._wanted = wanted
        self._sampling = sampling
        self._num_ctx = num_ctx
        self._number = 0
        self._done = 0

    async def map(self, pieces: Sequence[Piece], named: bool) -> list[str]:
        """Return the notes on all pieces, in their order."""
        notes = await self._all(
            "compress", [(f"Part of `{piece.shown}`:\n{piece.text}\n\n", piece.text) for piece in pieces]
        )
        return [
            f"{piece.shown} {note}" if named else note
            for piece, own in zip(pieces, notes, strict=True)
            for note in own
        ]

    async def reduce(self, notes: list[str], room: int, longest: int) -> list[str]:
        """Merge the notes until they take at most ``longest`` characters; whole notes go, none is cut."""
        for _ in range(_MOST_LEVELS):
            if _length(notes) <= longest:
                return notes
            groups = _groups(notes, room)
            merged = await self._all("reduce", [(f"Notes:\n{group}\n\n", group) for group in groups])
            after = [note for own in merged for note in own]
            if not after or _length(after) >= _length(notes):
                break
            notes = after
        return _most_important(notes, longest, focus_words(self._wanted.focus))

    async def _all(self, kind: str, parts: list[tuple[str, str]]) -> list[list[str]]:
        """Ask about all parts. One part always waits in the engine's queue, to keep the engine busy."""
        waiting = asyncio.Semaphore(self._engine.slots + 1)

        async def one(material: str, source: str) -> list[str]:
            async with waiting:
                notes = await self._ask(kind, material, source)
            self._done += 1
            self._run.progress.stage("generate", f"{kind} {self._done} of {len(parts)}")
            return notes

        self._done = 0
        tasks = [asyncio.create_task(one(*part)) for part in parts]
        try:
            return list(await asyncio.gather(*tasks))
        finally:
            await cancel_and_wait(*tasks)

    async def _ask(self, kind: str, material: str, source: str) -> list[str]:
        focus = f"Focus on: {self._wanted.focus.strip()}\n\n" if self._wanted.focus.strip() else ""
        text = template(kind).substitute(material=material, focus=focus, count=NOTES_OF_A_PIECE)
        messages = (Message("system", template("shared").template.strip()), Message("user", text.strip()))
        tokens, counted = await count(self._engine, self._sampling.model, messages)
        prompt = Prompt(kind, messages, self._num_ctx, ANSWER_TOKENS, tokens, counted)
        generation, waited = await generate(self._engine, prompt, self._sampling, self._run.progress)
        self._run.add_seconds("queue", waited)
        good, bad = verified(notes_of(generation.text, generation.finish_reason == "length"), source)
        message = f"Dropped, because it quotes text that is not there: {bad[0]}" if bad else ""
        check = Check("quotes", not bad, message, codes.QUOTE_MISSING if bad else "")
        self._number += 1
        await self._recorder.attempt(
            self._run, Attempt(self._number, prompt, generation, Verdict((check,), "\n".join(good)))
        )
        return good


def _nothing(attempts: Sequence[Attempt], found: int, longest: int) -> Check:
    """Return why there is no digest: no note passed the check, or none was short enough."""
    if found:
        return Check("short", False, f"None of {found} notes fits in {longest} characters.", codes.ANSWER_CUT)
    failures = (each.verdict.failure for each in attempts)
    nothing = Check("noted", False, "The model noted nothing on any part.", codes.ANSWER_EMPTY)
    return next((failure for failure in failures if failure is not None), nothing)


def _pieces(materials: tuple[Material, ...], room: int) -> list[Piece]:
    pieces = [
        piece for each in materials for piece in split(each.lines, each.shown, room, each.starts)
    ]  # fmt: skip
    if len(pieces) > MOST_PIECES_UNFOLDED:
        raise FileTooLarge(
            f"The text needs {len(pieces):,} calls of the model; the limit is {MOST_PIECES_UNFOLDED}.",
            "Name fewer files or select the parts that matter.",
        )
    return pieces


def _compose(materials: tuple[Material, ...], notes: list[str], literal: list[str], longest: int) -> str:
    heads = [
        f"{each.shown}: {each.total:,} lines" + (f", {len(each.lines):,} kinds" if each.folded else "")
        for each in materials
    ]
    head = "; ".join(heads[:3]) + (f"; {len(heads) - 3} more files" if len(heads) > 3 else "")
    parts = [f"{head}.", *(f"- {note}" for note in notes)]
    if literal:
        parts += ["Word for word:", *literal]
    while len(parts) > 1 and _length(parts) > longest:
        parts.pop()
    return "\n".join(parts)[:longest]


def _groups(notes: list[str], room: int) -> list[str]:
    groups: list[list[str]] = [[]]
    size = 0
    for note in notes:
        tokens = estimate_tokens(note) + 3
        if groups[-1] and size + tokens > room:
            groups.append([])
            size = 0
        groups[-1].append(f"- {note}")
        size += tokens
    return ["\n".join(group) for group in groups]


def _most_important(notes: list[str], longest: int, words: frozenset[str]) -> list[str]:
    """Return as many notes as fit: those about what is sought first, then in their order."""
    ranked = sorted(range(len(notes)), key=lambda index: (not is_sought(notes[index], words), index))
    chosen: list[int] = []
    room = longest
    for index in ranked:
        room -= len(notes[index]) + 3
        if room >= 0:
            chosen.append(index)
    return [notes[index] for index in sorted(chosen)]


def _length(lines: list[str]) -> int:
    return sum(len(line) + 3 for line in lines)
