"""The digester for tool results: takes a hook event and returns the hook's output or nothing.

On any failure, the result passes through unchanged, so no error leaves this module.
"""

import asyncio
import logging
import os
import stat
import time
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server.common.errors import StoreError, TokenSaverError
from server.common.events import Event, ResultDigested
from server.digests.engine import Findings, find_facts
from server.digests.kept import KeptTexts
from server.digests.values import Digest
from server.ledger.receipt import Ledger
from server.ledger.tokens import Family, estimate_result
from server.policy.secrets.redact import redact
from server.store.result_digests import ResultDigest, ResultDigests
from server.tool_results.losses import facts_key, find_reopened, find_repeated, source_key
from server.tool_results.passing import Form, form_of
from server.tool_results.result import ToolResult, edited_session, parse_event

logger = logging.getLogger(__name__)

LEAST_TOKENS = 2_000
"""Minimum size for a result to be digested (tokens). Smaller results pass through unchanged."""
LEAST_SPARED = 0.5
"""Minimum share of a result's tokens that a digest must save."""
MOST_CHARACTERS = 2_500
"""Maximum length of a digest (characters), including its last line."""
MOST_BYTES = 16_000_000
"""Maximum size of a file kept by the client (bytes). A larger one would take too long."""
SECONDS = 1.2
"""Time limit for one digest (seconds). The hook waits only slightly longer."""
PREPARE_AFTER = 1.0
"""Seconds after the hub's start at which it prepares for digests. A client's first call comes before."""
AT_ONCE = 2
"""Maximum number of concurrent digests. Further results pass through unchanged."""
_LAST_LINE = 300
"""Room for the line that says where to find the full text (characters)."""
_LAST_COST = _LAST_LINE // 5
ROOM = MOST_CHARACTERS - _LAST_LINE
LEAST_ROOM = 1_000
"""Minimum room for a digest (characters). Text passes through unchanged if half of it is less."""
_SHORTER = 0.9
"""Factor by which a digest is made shorter than its estimate, because numbers have more tokens than words."""
_MEASURED = 200_000
"""Number of characters used to estimate tokens. For longer texts, the rest is extrapolated."""
_SOURCE_CHARACTERS = 300
_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_SESSIONS = 1_000
"""Number of sessions for which the last edit is remembered."""


@dataclass(frozen=True)
class Made:
    """A digest that can replace a result: its text, its kept text, and figures for the full text."""

    text: str
    handle: str
    characters: int
    lines: int
    whole_tokens: int
    shown_tokens: int
    digest_tokens: int


class ResultDigester:
    """Makes and records digests of results. ``known`` returns values that must never leak: this app's tokens.
    In sessions for which ``is_silent`` returns True, results pass through unchanged.
    """

    def __init__(
        self,
        digests: ResultDigests,
        texts: Path,
        ledger: Ledger,
        known: Callable[[], Iterable[str]],
        publish: Callable[[Event], None],
    ) -> None:
        self.digests = digests
        self._texts = texts
        self._known = known
        self._publish = publish
        self.is_silent: Callable[[str], Awaitable[bool]] = _never
        self._ledger = ledger
        self._family: Family = ledger.family
        self._free = asyncio.Semaphore(AT_ONCE)
        # A digest that takes too long goes on in its thread; it must not take one of the app's others.
        self._threads = ThreadPoolExecutor(AT_ONCE, "digest")
        self._started = time.time()
        self._edits: dict[str, float] = {}

    async def prepare(self) -> None:
        """Load the recognisers and patterns if this user has had digests. Otherwise the first result of a new
        hub waits for them, and passes unchanged on a busy machine.
        """
        await asyncio.sleep(PREPARE_AFTER)
        with suppress(StoreError):
            if await self.digests.latest(1):
                await asyncio.to_thread(lambda: (redact(""), find_facts("")))

    async def answer(self, event: bytes, project: str) -> dict[str, Any] | None:
        """Return the hook's output for an event, or None if the result passes through unchanged."""
        if session := edited_session(event):
            self._note_edit(session)
            return None
        if self._free.locked():
            return None
        try:
            async with self._free, asyncio.timeout(SECONDS):
                return await self._answer(event, project)
        except TimeoutError:
            logger.info("a result passed unchanged: its digest took too long")
        except (TokenSaverError, OSError) as error:
            logger.warning("a result passed unchanged: %s", error)
        except Exception:
            # A defect must not cost Claude a result.
            logger.exception("a result passed unchanged")
        return None

    async def _answer(self, event: bytes, project: str) -> dict[str, Any] | None:
        result = parse_event(event, project)
        if result is None or await self.is_silent(result.session):
            return None
        earlier = await self.digests.of_session(result.session)
        if (reopened := find_reopened(result, earlier)) is not None:
            await self._book_loss(*reopened)
            return None
        loop = asyncio.get_running_loop()
        form = await loop.run_in_executor(self._threads, form_of, result)
        if form.reason or await self.digests.is_left_alone(form.kind, str(result.project)):
            return None
        made = await loop.run_in_executor(self._threads, self._make, result, form)
        if made is None:
            return None
        facts = facts_key(made.text)
        unedited = [each for each in earlier if each.at > self._last_edit(result.session)]
        if (repeated := find_repeated(result, facts, unedited)) is not None:
            await self._book_loss(*repeated)
            return None
        text = f"{made.text}\n{last_line(result, made)}"
        await self.digests.add(self._record(result, form, made, facts, text))
        self._publish(ResultDigested(form.kind))
        output = {"hookEventName": "PostToolUse", "updatedToolOutput": result.with_text(text)}
        return {"hookSpecificOutput": output}

    async def _book_loss(self, record: ResultDigest, loss: str) -> None:
        receipt = self._ledger.digest_receipt(record.shown_tokens, record.digest_tokens, lost=True)
        await self.digests.book_loss(record, loss, receipt.as_record())
        self._publish(ResultDigested(record.kind))

    def _note_edit(self, session: str) -> None:
        self._edits.pop(session, None)
        self._edits[session] = time.time()
        if len(self._edits) > _SESSIONS:
            del self._edits[next(iter(self._edits))]

    def _last_edit(self, session: str) -> float:
        """Return the time of Claude's last file edit (seconds since the epoch). Edits before this hub started
        are unknown, so the default is its start time.
        """
        return self._edits.get(session, self._started)

    def _make(self, result: ToolResult, form: Form) -> Made | None:
        """Return a digest, or None if the result is too small, unknown, or would not shrink by half."""
        data = _whole(result)
        text = data.decode("utf-8", "replace")
        whole = tokens_of(text, self._family)
        if whole < LEAST_TOKENS:
            return None
        source = str(result.path) if result.path is not None else ""
        texts = KeptTexts(self._texts, known=self._known())
        with texts.writing(result.project, redact(result.command).text, source) as kept:
            kept.write(data)
            # The kept text has no secrets, so the digest cannot show a part of one.
            found = find_facts(kept.whole(), command=form.command, name=form.name)
            made = fitting_digest(found, whole, self._family)
            digest = redact(made.text).text
            cost = cost_of(digest, self._family)
            if not (states_facts(made) and spares_enough(cost, whole)):
                kept.discard()
                return None
        seen = result.shown()
        shown = whole if seen == text else tokens_of(seen, self._family)
        return Made(digest, kept.handle, len(text), made.lines, whole, shown, cost)

    def _record(self, result: ToolResult, form: Form, made: Made, facts: str, text: str) -> ResultDigest:
        source = result.command or str(result.path or "")
        return ResultDigest(
            at=time.time(),
            project=str(result.project),
            session=result.session,
            tool_use_id=result.tool_use_id,
            kind=form.kind,
            source=redact(source).text[:_SOURCE_CHARACTERS],
            source_key=source_key(result),
            facts_key=facts,
            kept_path=str(result.kept or ""),
            handle=made.handle,
            characters=made.characters,
            lines=made.lines,
            whole_tokens=made.whole_tokens,
            shown_tokens=made.shown_tokens,
            digest_tokens=made.digest_tokens,
            text=text,
            receipt=self._ledger.digest_receipt(made.shown_tokens, made.digest_tokens).as_record(),
        )


async def _never(session: str) -> bool:
    del session
    return False


def last_line(result: ToolResult, made: Made) -> str:
    """Return the line that describes the digest and says where to find the full text."""
    where = f"token-saver digest kept:{made.handle} --lines FIRST-LAST"
    line = f"[digest of {made.lines:,} lines by token-saver; any lines word for word: {where}"
    if missing := result.lines_missing:
        line += f"; Read returned no lines from {missing[0]:,} on, of {missing[1]:,}"
    return f"{line}]"


def fitting_digest(found: Findings, whole_tokens: int, family: Family) -> Digest:
    """Return the longest digest that is short enough to replace its text, or a full one if none is."""
    made = found.digest(ROOM)
    cost = cost_of(made.text, family)
    if spares_enough(cost, whole_tokens):
        return made
    most = whole_tokens * (1 - LEAST_SPARED) - _LAST_COST
    room = int(len(made.text) * most / (cost - _LAST_COST) * _SHORTER)
    return found.digest(room) if room >= LEAST_ROOM else made


def cost_of(digest: str, family: Family) -> int:
    """Return the tokens of a digest and its last line."""
    return tokens_of(digest, family) + _LAST_COST


def states_facts(digest: Digest) -> bool:
    """Return whether a digest can replace its text, that is, the kind of text and its encoding are known."""
    return bool(digest.recognised) and not digest.fallback and digest.literal


def spares_enough(digest_tokens: int, whole_tokens: int) -> bool:
    """Return whether a digest is short enough to replace its text."""
    return digest_tokens <= whole_tokens * (1 - LEAST_SPARED)


def tokens_of(text: str, family: Family) -> int:
    """Return the estimated number of tokens in text of any length."""
    measured = text[:_MEASURED]
    found = estimate_result(measured, family)
    return round(found * len(text) / len(measured)) if measured else 0


def _whole(result: ToolResult) -> bytes:
    """Return the full text: the file kept by the client, or the text in the event.

    Raises:
        OSError: the file cannot be read, or is not a regular file.
    """
    if result.kept is None:
        return result.text.encode("utf-8", "replace")
    # Claude Code 2.1.170 links the file to its own log of the command, so a second name is acceptable.
    descriptor = os.open(result.kept, _READ)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("the client's kept file is not a regular file")
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise OSError("the client's kept file is too large")
    return data
