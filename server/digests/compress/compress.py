"""``compress_context``: digests of files, inline text and kept text.

The deterministic digest is made first and always returned, even without an engine. If there is a question, or
prose without a focus, the local model is asked too. It is shown the facts, and only sentences supported by a
fact make it into the reply. The remaining room goes to further facts.
"""

import asyncio
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from server.backends.base import Message
from server.common.errors import TokenSaverError
from server.digests.compress.answer import (
    FORM,
    MOST_SENTENCES,
    SUMMARY,
    Answer,
    Place,
    checked,
    facts_as_text,
    facts_to_show,
)
from server.digests.compress.cache import DigestCache
from server.digests.compress.literal import literal_lines
from server.digests.compress.reply import LEAST_ROOM, compose
from server.digests.compress.sources import Text, keep, project_of, read
from server.digests.engine import Findings, find_facts
from server.digests.focus import most_relevant, stems_of
from server.digests.kept import KeptTexts
from server.engine.engine import Engine
from server.ledger.receipt import Ledger
from server.offload.asking.generate import generate
from server.offload.asking.profitability import (
    arguments_of_compression,
    require_long_enough,
    require_profitable_compression,
)
from server.offload.asking.prompt import count, template
from server.offload.checks import codes
from server.offload.files.search_threads import run_for, search
from server.offload.files.workspace import Workspace
from server.offload.pipeline import Offloader
from server.offload.run.recorder import OffloadState
from server.offload.values import (
    Attempt,
    Caller,
    Check,
    Compression,
    Outcome,
    Prompt,
    Report,
    Source,
    Task,
    Verdict,
)
from server.store.records import ReadKind

logger = logging.getLogger(__name__)

ANSWER_TOKENS = 160
LEAST_CONTEXT = 4_096
"""Context size to request (tokens). If the model is already loaded with a larger one, that is used."""
DOWNLOAD_SECONDS = 2.0
"""Maximum wait for the model's weights to download during a call. The download continues afterwards."""
QUESTION_WORDS = 3
"""Minimum words for a focus to be a question for the model. A shorter focus lists words to look for."""
SENTENCE_WORDS = 5
"""Minimum number of words for a line of prose to be a statement rather than a heading."""
PROSE = frozenset({"markdown", "html"})
"""Kinds of documents the model reads even when there is no question."""


@dataclass(frozen=True)
class _Made:
    """A reply, and the inputs that Claude was spared from reading."""

    text: str
    sources: tuple[Source, ...]


def _task_of(wanted: Compression) -> str:
    """Return what a call without a question does, for the history: ``Digest of build.log``."""
    names = [PurePath(each).name for each in wanted.files] or ["a text"]
    return f"Digest of {names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}"


class Compressor:
    """Makes digests. Writes only to its cache and the kept text.

    ``kept`` and ``cache`` are None if the history must not store contents.
    """

    def __init__(
        self,
        offloader: Offloader,
        engine: Engine,
        ledger: Ledger,
        cache: DigestCache | None,
        kept: KeptTexts | None,
        *,
        allow_losing: bool,
    ) -> None:
        self._offloader = offloader
        self._engine = engine
        self._ledger = ledger
        self._cache = cache
        self.kept = kept
        self.allow_losing = allow_losing

    async def compress(
        self,
        wanted: Compression,
        caller: Caller,
        report: Report,
        *,
        offload_id: str | None = None,
        workspace: Workspace | None = None,
    ) -> Outcome:
        """Condense files or text; ``returned`` gets the digest. Ends and raises like ``Offloader.run``."""
        task = Task(wanted.focus or _task_of(wanted), wanted.files, model=wanted.model, tool=wanted.tool)
        run = self._offloader.new_run(task, caller, report, arguments_of_compression(wanted), offload_id)
        place = workspace or self._offloader.workspace(caller)
        return await self._offloader.drive(run, lambda: self._work(run, wanted, place))

    async def _work(self, run: OffloadState, wanted: Compression, workspace: Workspace) -> Outcome:
        """Make the reply and record it.

        Raises:
            WorkspaceError: a source is not allowed, missing, not text, or too large.
            NotFound: a kept text or its lines do not exist.
            BadArguments: the call has neither files nor content, or both.
            WouldLose: the files are too short for a digest to save anything.
        """
        if not self.allow_losing:
            require_profitable_compression(wanted, self._ledger)
        run.progress.stage("read", ", ".join(wanted.files[:3]))
        texts = await search(workspace, read, wanted, self.kept)
        if not self.allow_losing and not run.caller.by_user:
            require_long_enough(wanted, [text.size for text in texts if text.wanted is None])
        literal = [text for text in texts if _is_literal(text, wanted)]
        others = [text for text in texts if text not in literal]
        room = wanted.max_length // (len(literal) + bool(others)) - 1
        parts = [await run_for(run.caller, _literal_part, text, wanted, room, texts) for text in literal]
        if others:
            left = wanted.max_length - sum(len(part) + 1 for part in parts)
            made = await self._digests(run, others, replace(wanted, max_length=left), project_of(workspace))
            run.sources = made.sources
            parts.append(made.text)
        return await self._offloader.recorder.close(run, "returned", "\n".join(parts), "")

    async def _digests(
        self, run: OffloadState, texts: Sequence[Text], wanted: Compression, project: Path | None
    ) -> _Made:
        most = max(1, wanted.max_length // LEAST_ROOM)
        if len(texts) > most:
            texts = await run_for(run.caller, _most_relevant, texts, wanted.focus)
        looked_at = [
            await run_for(run.caller, self._looked_at, text, wanted, project) for text in texts[:most]
        ]
        found = [findings for _, findings in looked_at]
        answer, note = await self._answer(run, texts, found, wanted)
        shown = [*(text for text, _ in looked_at), *texts[most:]]
        reply = await run_for(run.caller, compose, shown, found, answer, note, wanted.max_length)
        sources = await run_for(
            run.caller, lambda: tuple(_as_source(text, each) for text, each in looked_at if not text.given)
        )
        return _Made(reply, sources)

    def _looked_at(self, text: Text, wanted: Compression, project: Path | None) -> tuple[Text, Findings]:
        """Return the text in its kept form, and its facts. Blocks."""
        long = text.size > wanted.max_length and not text.handle
        if long and self.kept is not None and project is not None:
            text = keep(text, project, self.kept)
        with text.open() as source:
            found = find_facts(source, command=text.command, focus=wanted.focus, name=text.file_name)
        return text, found

    async def _answer(
        self, run: OffloadState, texts: Sequence[Text], found: Sequence[Findings], wanted: Compression
    ) -> tuple[Answer | None, str]:
        """Return the model's answer (None if there is no question), and a note if no model answered."""
        question = _question(wanted, found)
        least = SENTENCE_WORDS if question == SUMMARY else 1
        places = facts_to_show(found, least_words=least) if question else ()
        if not places:
            return None, ""
        try:
            run.model = await self._offloader.model_for(run, patience=DOWNLOAD_SECONDS)
            async with asyncio.timeout(wanted.patience):
                return await self._asked(run, texts, places, question), ""
        except TimeoutError:
            why = f"time limit of {wanted.patience:.0f} s"
        except TokenSaverError as error:
            why = error.code
        logger.info("no model answers: %s", why)
        return None, f"(The local model did not answer: {why}.)" if wanted.focus else ""

    async def _asked(
        self, run: OffloadState, texts: Sequence[Text], places: tuple[Place, ...], question: str
    ) -> Answer:
        """Ask the model, or reuse its earlier answer from the cache.

        Raises:
            BackendError: the engine failed.
            Paused: offloading is paused.
            QueueFull: the queue is full.
        """
        shown = facts_as_text(places)
        key = DigestCache.key(shown, question, run.model)
        if self._cache is not None and (known := await asyncio.to_thread(self._cache.get, key)) is not None:
            text, cut = json.loads(known)
            return checked(text, places, cut=cut)
        prompt = await self._prompt(run, texts, shown, question)
        generation, waited = await generate(self._engine, prompt, self._offloader.sampling(run), run.progress)
        run.add_seconds("queue", waited)
        cut = generation.finish_reason == "length"
        answer = await run_for(run.caller, lambda: checked(generation.text, places, cut=cut))
        message = f"Dropped, because no fact supports it: {answer.dropped[0]}" if answer.dropped else ""
        check = Check("backed", not message, message, codes.QUOTE_MISSING if message else "")
        text = "\n".join(said.sentence for said in answer.said)
        attempt = Attempt(1, prompt, generation, Verdict((check,), text))
        await self._offloader.recorder.attempt(run, attempt)
        if self._cache is not None:
            await asyncio.to_thread(self._cache.put, key, json.dumps([generation.text, cut]))
        return answer

    async def _prompt(self, run: OffloadState, texts: Sequence[Text], facts: str, question: str) -> Prompt:
        name = f"`{texts[0].shown}`" if len(texts) == 1 else f"{len(texts)} files"
        asked = template("answer").substitute(
            name=name, facts=facts, question=question, count=MOST_SENTENCES, form=FORM
        )
        messages = (Message("user", asked.strip()),)
        num_ctx = await self._engine.num_ctx(run.model, LEAST_CONTEXT)
        tokens, counted = await count(self._engine, run.model, messages)
        return Prompt("answer", messages, num_ctx, ANSWER_TOKENS, tokens, counted)


def _is_literal(text: Text, wanted: Compression) -> bool:
    """Return whether the caller wants lines from a kept text rather than its digest."""
    return text.wanted is not None and bool(text.wanted.last or wanted.focus.strip())


def _literal_part(text: Text, wanted: Compression, room: int, texts: Sequence[Text]) -> str:
    head = f"{text.shown}:\n" if len(texts) > 1 else ""
    return head + literal_lines(text, wanted.focus, room - len(head))


def _question(wanted: Compression, found: Sequence[Findings]) -> str:
    """Return the question for the model; empty if no model is needed."""
    focus = wanted.focus.strip()
    if len(focus.split()) >= QUESTION_WORDS:
        return focus
    return SUMMARY if not focus and any(PROSE.intersection(each.kinds) for each in found) else ""


def _most_relevant(texts: Sequence[Text], focus: str) -> list[Text]:
    stems = stems_of(focus)
    ranked = most_relevant([text.open for text in texts], stems) if stems else range(len(texts))
    return [texts[index] for index in ranked]


def _as_source(text: Text, found: Findings) -> Source:
    """Return what the ledger and the history need to know about a source."""
    head = text.head()
    read_as: ReadKind = "file" if found.document else "log"
    path = Path(text.path or text.shown)
    return Source(path, text.shown, head, text.digest, 0, len(head), read_as=read_as)
