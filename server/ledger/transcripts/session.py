"""Reads one transcript line by line: the app's calls, their true sizes, and how their results were used.

A request's prompt contains everything before it. The next prompt's total, minus this prompt's total and this
answer's output, is therefore the true size of whatever came between the two requests: results, and the
client's own text (reminders, hook output, notes about changed files). For an answer without thinking, the
output is the true size of its calls and text. If several items share a size, it is divided in proportion to
their estimates.
"""

import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from server.ledger.accuracy import Accuracy
from server.ledger.prices import load_prices
from server.ledger.tokens import (
    estimate_call,
    estimate_message_text,
    estimate_result,
    estimate_tokens,
    family_of,
)
from server.ledger.transcripts.accounts import (
    PLAUSIBLE,
    Accountant,
    PriceOf,
    injected_tokens,
)
from server.ledger.transcripts.followup import Followup, KnownOffload, checksums, taken_out
from server.ledger.transcripts.lines import (
    AssistantMessage,
    ClientTotal,
    Compaction,
    Injected,
    ToolResult,
    ToolUse,
    TranscriptLine,
    Turn,
)
from server.ledger.transcripts.missed import LARGE_FILE, LARGE_RESULT, WROTE_FILE, kind_of, rough_tokens
from server.ledger.transcripts.session_state import OFFLOADING, Chain, FollowedCall, SessionState

Lookup = Callable[[str], tuple[KnownOffload, ...]]
"""Returns the offloads recorded for a tool use id; empty for calls to other servers."""

OUR_TOOLS = OFFLOADING | {"check_job"}
_READS = frozenset({"Read", "NotebookRead"})
_EDITS = frozenset({"Edit", "MultiEdit", "NotebookEdit"})
_PRINTS = frozenset({"cat", "head", "tail", "less", "more", "bat", "nl", "sed"})
# Estimating every result would take most of a pass, so only one in eight results of other tools is estimated.
_SAMPLE = 8
# Resumed sessions repeat lines. This many of the last message ids are remembered.
_REMEMBERED = 512


class TranscriptSession:
    """A transcript being read. The next pass continues from ``state``."""

    def __init__(
        self,
        state: SessionState,
        lookup: Lookup,
        price_of: PriceOf | None = None,
        is_charged: Callable[[AssistantMessage], bool] = lambda _: False,
    ) -> None:
        self.state = state
        self._lookup = lookup
        self._accountant = Accountant(state.accounts, price_of or load_prices().find, is_charged)

    @property
    def accountant(self) -> Accountant:
        """The accountant for this session."""
        return self._accountant

    def follow(self, line: TranscriptLine) -> None:
        """Process the next line."""
        chain = self.state.chains.setdefault(line.chain, Chain())
        if isinstance(line, Turn):
            self._take_turn(chain, line)
        elif isinstance(line, Injected):
            self._take_injected(chain, line)
        elif isinstance(line, Compaction):
            self._compact(chain, line.chain)
        elif isinstance(line, ClientTotal):
            self._accountant.state_total(line)
        elif line.message_id == chain.message_id:
            self._take_answer(chain, line)
        elif not self._repeated(line.message_id):
            self._measure(chain, line.prompt_tokens)
            self.state.chains[line.chain] = chain = Chain(message_id=line.message_id, model=line.model)
            chain.borrowed = self._accountant.begin_answer(line)
            if not chain.borrowed:
                self.state.answers += 1
                self._count_request(line.chain)
            self._take_answer(chain, line)

    def _count_request(self, chain: str) -> None:
        """Count a request, which resends every result still in the context."""
        self.state.requests[chain] = self.state.requests.get(chain, 0) + 1
        for call in self.state.calls.values():
            if call.chain == chain and call.answered and not call.gone:
                call.requests += 1
                call.changed = True

    def _compact(self, chain: Chain, name: str) -> None:
        chain.other = True  # the content of the next prompt cannot be compared with this one
        for call in self.state.calls.values():
            call.gone = call.gone or call.chain == name
        self._accountant.compact(name)

    def _take_injected(self, chain: Chain, injected: Injected) -> None:
        tokens = injected_tokens(injected, chain.model)
        self._accountant.inject(injected, tokens)
        if injected.kind == "fixed":
            return
        size = sum(tokens.values())
        chain.injected += size
        chain.other = chain.other or not injected.known
        if injected.path and (followed := self._followed(os.path.normpath(injected.path))) is not None:
            # The client's note about a known file that the app's call changed.
            followed[1].note_tokens += round(size)
            followed[0].changed = True

    def _take_answer(self, chain: Chain, line: AssistantMessage) -> None:
        chain.prompt = max(chain.prompt, line.prompt_tokens)
        chain.output = max(chain.output, line.output_tokens)
        chain.thinking = chain.thinking or line.thinking
        written: dict[str, float] = {}
        for use in line.uses:
            if use.id and use.id not in chain.uses:
                part = f"output:{use.name}"
                written[part] = written.get(part, 0.0) + self._take_use(line.chain, chain, use)
        for text in line.texts:
            written["output:prose"] = written.get("output:prose", 0.0) + self._take_text(chain, text)
        self._accountant.continue_answer(line, written)

    def _take_text(self, chain: Chain, text: str) -> float:
        mark = zlib.crc32(text.encode("utf-8", "replace"))
        if mark in chain.texts:
            return 0.0
        first = not chain.texts
        chain.texts.append(mark)
        estimate = estimate_message_text(text, family_of(chain.model), first)
        chain.estimate += estimate
        self._note_written(text)
        return estimate

    def _take_use(self, name: str, chain: Chain, use: ToolUse) -> float:
        estimate = estimate_call(use.arguments, family_of(chain.model), chain.model)
        chain.uses[use.id] = estimate
        chain.tools[use.id] = use.name
        chain.estimate += estimate
        server, _, tool = use.name.rpartition("__")
        if not server.startswith("mcp__") or tool not in OUR_TOOLS:
            self._expect(chain, use, estimate)
        elif use.id not in self.state.calls:
            self._begin_call(name, chain, use, tool, estimate)
        return estimate

    def _begin_call(self, name: str, chain: Chain, use: ToolUse, tool: str, estimate: float) -> None:
        call = FollowedCall(tool, chain.model, chain.prompt, estimate, chain=name, borrowed=chain.borrowed)
        if tool == "check_job":
            call.job = _text(use.arguments.get("job"))
        self.state.calls[use.id] = call
        self._look_again(use.id, call)

    def look_again(self) -> None:
        """Add offloads that ended after their call was read, since the transcript's line comes first."""
        for use_id, call in self.state.calls.items():
            if call.tool == "batch_offload" or (call.tool in OFFLOADING and not call.offloads):
                self._look_again(use_id, call)

    def _look_again(self, use_id: str, call: FollowedCall) -> None:
        followed = {each.id for each in call.offloads}
        for known in self._lookup(use_id):
            if known.id not in followed:
                call.offloads.append(Followup.of(known, self.state.reads))
                call.job = known.job
                call.changed = True

    def _expect(self, chain: Chain, use: ToolUse, estimate: float) -> None:
        """Remember what a call is going to do to a file until its result confirms it."""
        path = _path(use)
        family = family_of(chain.model)
        arguments = use.arguments
        if use.name in _READS and path:
            self.state.waiting[use.id] = {"kind": "read", "path": path}
        elif use.name in _EDITS and path:
            old, new = _edited(arguments)
            self._note_written(new)
            expected: dict[str, Any] = {"kind": "edit", "path": path}
            if (followed := self._followed(path)) is not None:
                expected |= {
                    "gone": taken_out(old, new, self._lines_of(followed[1].id)),
                    "call_tokens": round(estimate),
                    "old_tokens": round(estimate_tokens(old, family)),
                }
            self.state.waiting[use.id] = expected
        elif use.name == "Write" and path:
            text = _text(arguments.get("content"))
            self._note_written(text)
            lines = checksums(text.splitlines()) if self._followed(path) is not None else []
            size = rough_tokens(len(text))
            self.state.waiting[use.id] = {"kind": "write", "path": path, "lines": lines, "size": size}
        elif use.name == "Bash" and (printed := self._printed(use)):
            self.state.waiting[use.id] = {"kind": "print", "path": printed}

    def _take_turn(self, chain: Chain, turn: Turn) -> None:
        chain.other = chain.other or turn.other
        if chain.message_id:
            family = family_of(chain.model)
            chain.injected += sum(estimate_tokens(text, family) for text in turn.texts)
        self._accountant.turn(turn)
        for result in turn.results:
            if result.id not in chain.results:
                self._accountant.result(turn.chain, result)
                self._take_result(chain, result)

    def _take_result(self, chain: Chain, result: ToolResult) -> None:
        call = self.state.calls.get(result.id)
        expected = self.state.waiting.pop(result.id, None)
        concerns_us = expected is not None and self._concerns(expected["path"])
        estimate = 0.0
        ours = any(use_id in self.state.calls for use_id in chain.uses)
        if ours or concerns_us or zlib.crc32(chain.message_id.encode()) % _SAMPLE == 0:
            estimate = estimate_result(result.text, family_of(chain.model), result.error)
        chain.results[result.id] = estimate
        if call is not None:
            call.result_tokens = estimate
            call.answered = call.changed = True
            self._look_again(result.id, call)
            for offload in call.offloads:
                offload.get_text(result.text)
        elif expected is not None and not result.error:
            self._happen(chain, expected, round(estimate), len(result.text))
        if call is None and (expected is None or expected["kind"] == "print"):
            self._note_chance(chain, kind_of(chain.tools.get(result.id, "")), rough_tokens(len(result.text)))

    def _happen(self, chain: Chain, expected: dict[str, Any], tokens: int, characters: int) -> None:
        """Record what a confirmed call did to a file."""
        path = expected["path"]
        kind = expected["kind"]
        if kind == "read":
            large = 0 if chain.borrowed else rough_tokens(characters)
            self.state.reads[path] = large if large >= LARGE_RESULT else 0
            self.state.accounts.add("reads_large", self.state.reads[path])
        elif kind == "edit":
            # Claude read it in order to edit it.
            self.state.accounts.add("reads_large_edited", self.state.reads.get(path, 0))
            self.state.reads[path] = 0
        elif kind == "write" and expected["size"] >= LARGE_FILE:
            self._note_chance(chain, kind_of("Write"), expected["size"])
        if kind in ("read", "print"):
            for call, offload in self._offloads():
                if path in offload.inputs and path != offload.path:
                    offload.read_input(path)
                    call.changed = True
        followed = self._followed(path)
        if followed is None:
            return
        call, offload = followed
        if kind in ("read", "print"):
            offload.read_tokens += tokens
            offload.read_turns += 1
        elif kind == "write":
            offload.write_file(expected["lines"])
        elif "gone" in expected:
            offload.edit_file(expected["gone"], expected["call_tokens"], expected["old_tokens"])
        call.changed = True

    def _measure(self, chain: Chain, next_prompt: int) -> None:
        """Derive the true sizes of a finished answer and its results from the next prompt."""
        if chain.borrowed:
            return  # the other transcript has measured it
        if chain.output < chain.estimate / PLAUSIBLE:
            return  # a placeholder that the client never replaced: it contains no information
        accuracy = self.state.accuracy.setdefault(family_of(chain.model), Accuracy())
        if not chain.thinking and _plausible(chain.estimate, chain.output):
            accuracy.add(chain.estimate, chain.output)
            for use_id, estimate in chain.uses.items():
                if (call := self.state.calls.get(use_id)) is not None:
                    call.call_tokens = estimate * chain.output / chain.estimate
                    call.call_measured = call.changed = True
        grown = next_prompt - chain.prompt - chain.output
        total = sum(chain.results.values()) + chain.injected
        if chain.other or not all(chain.results.values()) or not _plausible(total, grown):
            return
        if len(chain.results) == 1 and not chain.injected:
            accuracy.add(total, grown)
        for use_id, estimate in chain.results.items():
            if (call := self.state.calls.get(use_id)) is not None:
                call.result_tokens = estimate * grown / total
                call.result_measured = call.changed = True

    def _followed(self, path: str) -> tuple[FollowedCall, Followup] | None:
        """Return the last offload that delivered this file. The text from earlier offloads is gone."""
        for call in reversed(self.state.calls.values()):
            for offload in reversed(call.offloads):
                if offload.path == path:
                    return call, offload
        return None

    def _lines_of(self, offload_id: str) -> tuple[str, ...]:
        """Look up the lines an offload delivered in the history, because the state holds no text."""
        for use_id, call in self.state.calls.items():
            if any(offload.id == offload_id for offload in call.offloads):
                return next((each.lines for each in self._lookup(use_id) if each.id == offload_id), ())
        return ()

    def _concerns(self, path: str) -> bool:
        return any(path == each.path or path in each.inputs for _, each in self._offloads())

    def _note_written(self, text: str) -> None:
        waiting = [(call, each) for call, each in self._offloads() if each.returned]
        if waiting:
            lines = checksums(text.splitlines())
            for call, offload in waiting:
                offload.write_text(lines)
                call.changed = True

    def _note_chance(self, chain: Chain, kind: str, tokens: int) -> None:
        if chain.borrowed:
            return
        if tokens >= (LARGE_FILE if kind == WROTE_FILE else LARGE_RESULT):
            chance = self.state.chances.setdefault(kind, [0, 0])
            chance[0] += 1
            chance[1] += tokens

    def _printed(self, use: ToolUse) -> str:
        """Return the followed file that a shell command prints; empty if there is none."""
        words = _text(use.arguments.get("command")).replace("'", " ").replace('"', " ").split()
        if not _PRINTS.intersection(words):
            return ""
        named = {os.path.normpath(Path(use.cwd, word)) for word in words}
        return next((each.path for _, each in self._offloads() if each.path in named), "")

    def _offloads(self) -> Iterator[tuple[FollowedCall, Followup]]:
        for call in self.state.calls.values():
            for offload in call.offloads:
                yield call, offload

    def _repeated(self, message_id: str) -> bool:
        if message_id in self.state.seen:
            return True
        self.state.seen.append(message_id)
        del self.state.seen[:-_REMEMBERED]
        return False


def _plausible(estimate: float, true: int) -> bool:
    return estimate > 0 and estimate / PLAUSIBLE < true < estimate * PLAUSIBLE


def _path(use: ToolUse) -> str:
    named = _text(use.arguments.get("file_path")) or _text(use.arguments.get("notebook_path"))
    return os.path.normpath(Path(use.cwd, named)) if named else ""


def _edited(arguments: Any) -> tuple[str, str]:
    """Return all text that an edit removes and all text that it inserts."""
    parts = arguments.get("edits")
    edits = (
        [arguments, *(part for part in parts if isinstance(part, dict))]
        if isinstance(parts, list)
        else [arguments]
    )
    old = "\n".join(_text(edit.get("old_string")) for edit in edits)
    new = "\n".join(_text(edit.get("new_string")) or _text(edit.get("new_source")) for edit in edits)
    return old, new


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
