"""The accounts of one transcript: its bill by day and model, the cost of each part, and Claude's habits."""

import hashlib
import shlex
import zlib
from collections.abc import Callable
from datetime import datetime

from server.ledger.prices import Price
from server.ledger.tokens import estimate_tokens, family_of
from server.ledger.transcripts.account_state import FREE, Accounts, ChainAccount
from server.ledger.transcripts.context_cost import request_money
from server.ledger.transcripts.injected import mcp_server
from server.ledger.transcripts.lines import (
    AssistantMessage,
    ClientTotal,
    Injected,
    ToolResult,
    ToolUse,
    Turn,
    Usage,
)
from server.ledger.transcripts.missed import rough_tokens

PriceOf = Callable[[str, int], Price]
"""Returns a model's prices for a prompt of this many tokens."""

LARGE = 500
"""Size above which a single result or written file counts as a chance for a digest or an offload (tokens)."""
PLAUSIBLE = 3.0
"""Factor above which a count includes content that the transcript does not show, or is not a real count."""
_READERS = frozenset({"Read", "NotebookRead"})
_WRITERS = frozenset({"result:Write", "result:Edit", "result:MultiEdit", "result:NotebookEdit"})
_AGENTS = frozenset({"Agent", "Task"})
_CUTTERS = frozenset({"tail", "head"})
LONG_CONTEXT = 100_000
"""Context size above which a session could have been split in two, and some models cost more (tokens)."""


class Accountant:
    """Keeps the accounts as a transcript is read.

    Args:
        price_of: looks up prices.
        is_charged: whether another transcript has this message. A forked session repeats earlier messages.
    """

    def __init__(
        self,
        accounts: Accounts,
        price_of: PriceOf,
        is_charged: Callable[[AssistantMessage], bool] = lambda _: False,
    ) -> None:
        self.accounts = accounts
        self._price_of = price_of
        self._is_charged = is_charged

    def begin_answer(self, line: AssistantMessage) -> bool:
        """Charge the request behind a new answer. Return whether it was charged elsewhere."""
        accounts, chain = self.accounts, self._chain(line.chain)
        self._close(chain)
        day = day_of(line.at) if line.at else accounts.last_day
        if not accounts.first_day:
            accounts.first_day = day
        accounts.last_day = day
        if not accounts.project and line.uses:
            accounts.project = line.uses[0].cwd
        usage = line.usage
        chain.free = self._is_charged(line)
        if chain.free:
            accounts.borrows = True
            chain.cost.request(usage, FREE, counted=False)
        else:
            accounts.owns = True
            accounts.charged.append(message_key(line.message_id))
            price = self._price_of(line.model, usage.prompt)
            self._note_habits(chain, usage, price)
            extra = chain.cost.request(usage, price)
            if extra > 0 and usage.written and usage.read < usage.prompt / 2:
                accounts.add("rewritten")
                accounts.add("rewritten_money", extra)
        chain.result_tokens += chain.new_results
        chain.new_results = 0.0
        chain.usage = [usage.input, usage.write_5m, usage.write_1h, usage.read, 0]
        chain.model, chain.day = line.model, day
        chain.output, chain.uses = {}, {}
        return chain.free

    def continue_answer(self, line: AssistantMessage, estimates: dict[str, float]) -> None:
        """Add one line's content to the current answer. ``estimates``: output tokens by part."""
        chain = self._chain(line.chain)
        if chain.usage:
            chain.usage[4] = max(chain.usage[4], line.usage.output)
        for part, tokens in estimates.items():
            chain.output[part] = chain.output.get(part, 0.0) + tokens
        if line.thinking:
            chain.output.setdefault("output:thinking", 0.0)
        for use in line.uses:
            if use.id not in chain.uses:
                chain.uses[use.id] = self._used(use, counted=not chain.free)
        if not self.accounts.project and line.uses:
            self.accounts.project = line.uses[0].cwd

    def result(self, chain_name: str, result: ToolResult) -> None:
        """Add a tool result to the context."""
        chain = self._chain(chain_name)
        part = chain.uses.get(result.id, "result:unknown")
        tokens = float(rough_tokens(len(result.text)))
        if result.tools:
            servers = [mcp_server(name) for name in result.tools]
            part = next((f"mcp:{server}" for server in servers if server), "client:built-in tools")
            tokens = max(tokens, 1.0)
        elif tokens >= LARGE and part.startswith("result:"):
            part = f"{part}+"
        chain.cost.expect(part, tokens)
        if part.startswith("result:Read"):
            self._note_repeat(result.text, tokens, counted=not chain.free)
        if chain.free:
            return
        chain.new_results += tokens
        self.accounts.add("results_entered", tokens)
        if part.startswith("result:tail"):
            self.accounts.spread("tail").add(tokens)
        if part.startswith("result:Read part"):
            self.accounts.spread("part").add(tokens)

    def turn(self, turn: Turn) -> None:
        """Add the user's text to the context."""
        for text in turn.texts:
            self._chain(turn.chain).cost.expect("user", rough_tokens(len(text)))

    def inject(self, injected: Injected, tokens: dict[str, float]) -> None:
        """Add text inserted by the client to the context. ``tokens``: estimates by part."""
        chain = self._chain(injected.chain)
        characters: dict[str, int] = {}
        for part, text in injected.parts:
            characters[part] = characters.get(part, 0) + len(text)
        for part, count in tokens.items():
            # The client repeats a listing after a compaction. Its first listing counts.
            self.accounts.listed.setdefault(part, {}).setdefault(injected.kind, [count, characters[part]])
            if injected.kind != "fixed":
                chain.cost.expect(part, count)
        if injected.kind == "fixed":
            if chain.cost.tokens:
                chain.cost.divide_fixed(tokens)
            elif "client:built-in tools" not in chain.cost.waiting:
                for part, count in tokens.items():
                    chain.cost.expect(part, count)

    def compact(self, chain_name: str) -> None:
        """Record that the conversation so far has left the context."""
        chain = self._chain(chain_name)
        self._close(chain)
        chain.cost.compact()
        chain.result_tokens = chain.new_results = 0.0
        self.accounts.add("compactions")

    def state_total(self, total: ClientTotal) -> None:
        """Compare the client's own total with the lines read since its previous total.

        The first total in a forked session includes the earlier session, so it is only remembered.
        """
        accounts = self.accounts
        for chain in accounts.chains.values():
            self._close(chain)
        grown = 0.0
        restarted = any(
            min(now - before for now, before in zip(_counts(usage), accounts.stated[model], strict=True)) < 0
            for model, usage in total.usage.items()
            if model in accounts.stated
        )
        for model, usage in total.usage.items():
            before = Usage() if restarted else Usage(*accounts.stated.get(model, [0] * 5))
            grown += self._money_of(model, usage) - self._money_of(model, before)
        if accounts.stated or not accounts.borrows:
            extra = grown - (accounts.money - accounts.stated_money)
            accounts.unrecorded[accounts.last_day] = accounts.unrecorded.get(accounts.last_day, 0.0) + extra
        accounts.stated = {model: _counts(usage) for model, usage in total.usage.items()}
        accounts.stated_money = accounts.money

    def money(self) -> tuple[dict[str, float], float]:
        """Return the cost of each part and the full bill, including the current answers."""
        parts: dict[str, float] = {}
        whole = self.accounts.money
        for chain in self.accounts.chains.values():
            _merge(parts, chain.cost.money())
            if chain.usage and not chain.free:
                usage, output = _settled(chain)
                price = float(self._price_of(chain.model, usage.prompt).output)
                _merge(parts, {part: tokens * price for part, tokens in output.items()})
                whole += self._money_of(chain.model, usage)
        return parts, whole

    def bill(self) -> dict[str, list[int]]:
        """Return the bill, including the current answers."""
        whole = {key: list(counts) for key, counts in self.accounts.bill.items()}
        for chain in self.accounts.chains.values():
            if chain.usage and not chain.free:
                usage = _settled(chain)[0]
                _add(whole, _bill_key(chain, usage), [*chain.usage[:4], usage.output, 1])
        return whole

    def _close(self, chain: ChainAccount) -> None:
        """Charge the finished answer."""
        if not chain.usage:
            return
        accounts = self.accounts
        usage, parts = _settled(chain)
        if chain.free:
            chain.cost.answer(parts, usage.output, FREE)
            chain.usage = []
            return
        accounts.placeholders += usage.output != chain.usage[4]
        accounts.money += self._money_of(chain.model, usage)
        chain.cost.answer(parts, usage.output, self._price_of(chain.model, usage.prompt))
        if chain.uses:
            accounts.add("turns_with_calls")
            accounts.add("calls", len(chain.uses))
        self._note_writing(chain, usage)
        if any(part.startswith("result:git") or part == "result:gh" for part in chain.uses.values()):
            price = self._price_of(chain.model, usage.prompt)
            accounts.add("git_turns")
            accounts.add("git_money", usage.read * float(price.cache_read))
        _add(accounts.bill, _bill_key(chain, usage), [*chain.usage[:4], usage.output, 1])
        chain.usage = []

    def _note_writing(self, chain: ChainAccount, usage: Usage) -> None:
        """Record a turn that wrote one file right after another such turn. A batch would have needed only one
        turn.
        """
        writes = len(chain.uses) == 1 and next(iter(chain.uses.values())) in _WRITERS
        if writes and chain.wrote:
            price = self._price_of(chain.model, usage.prompt)
            self.accounts.add("write_turns")
            self.accounts.add("write_turn_money", usage.read * float(price.cache_read))
        chain.wrote = writes

    def _money_of(self, model: str, usage: Usage) -> float:
        price = self._price_of(model, usage.prompt)
        return request_money(usage, price) + usage.output * float(price.output)

    def _note_habits(self, chain: ChainAccount, usage: Usage, price: Price) -> None:
        accounts = self.accounts
        accounts.add("requests")
        accounts.add("results_read", chain.result_tokens)
        if chain.cost.tokens:
            accounts.spread("turn_reads").add(usage.read)
        if (over := usage.read - LONG_CONTEXT) > 0:
            accounts.add("long_requests")
            accounts.add("long_money", over * float(price.cache_read))

    def _note_repeat(self, text: str, tokens: float, *, counted: bool) -> None:
        """Record a read whose result is identical to that of an earlier read. ``counted`` is false if another
        transcript has this read.
        """
        mark = zlib.crc32(text.encode("utf-8", "replace"))
        if mark not in self.accounts.reads:
            self.accounts.reads.append(mark)
        elif counted:
            self.accounts.add("reads_again")
            self.accounts.add("reads_again_tokens", tokens)

    def _used(self, use: ToolUse, *, counted: bool) -> str:
        """Count a call towards the part of the set-up it uses. Return the part its result belongs to.
        ``counted`` is false if another transcript has the call.
        """
        part = ""
        if use.name == "Skill":
            part = f"skill:{_text(use, 'skill') or _text(use, 'command')}"
        elif use.name in _AGENTS:
            part = f"agent:{_text(use, 'subagent_type')}"
        elif server := mcp_server(use.name):
            part = f"mcp:{server}"
        if part and counted:
            self.accounts.uses[part] = self.accounts.uses.get(part, 0) + 1
        return self._result_part(use, counted=counted)

    def _result_part(self, use: ToolUse, *, counted: bool) -> str:
        if use.name in _READERS:
            whole = not (use.arguments.get("offset") or use.arguments.get("limit"))
            if counted:
                self.accounts.add("reads_whole" if whole else "reads_part")
            return "result:Read" if whole else "result:Read part"
        if use.name == "Bash":
            programs = programs_of(_text(use, "command"))
            if programs and programs[-1] in _CUTTERS and len(programs) > 1:
                return f"result:tail of {programs[0]}"
            return f"result:{programs[0]}" if programs else "result:Bash"
        return f"result:{use.name}"

    def _chain(self, name: str) -> ChainAccount:
        return self.accounts.chains.setdefault(name, ChainAccount())


def message_key(message_id: str) -> int:
    """Return a number that identifies the message."""
    return int.from_bytes(hashlib.blake2b(message_id.encode("utf-8", "replace"), digest_size=7).digest())


def day_of(instant: float) -> str:
    """Return an instant's local day."""
    return datetime.fromtimestamp(instant).astimezone().date().isoformat()


def programs_of(command: str) -> list[str]:
    """Return the programs in a shell command, in order, leaving out ``cd`` and variable assignments."""
    lexer = shlex.shlex(command[:2000], posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    found: list[str] = []
    at_start = True
    try:
        for word in lexer:
            if set(word) <= set("|&;()<>"):
                at_start = not set(word) <= set("<>")
            elif at_start and "=" in word and word.partition("=")[0].isidentifier():
                continue
            elif at_start:
                at_start = False
                found.append(word.rpartition("/")[2])
    except ValueError:  # an open quote, as in a heredoc: the part before it is reliable
        return [name for name in found if name != "cd"]
    return [name for name in found if name != "cd"]


def injected_tokens(injected: Injected, model: str) -> dict[str, float]:
    """Return the estimated tokens of each part of text inserted by the client."""
    family = family_of(model)
    found: dict[str, float] = {}
    for part, text in injected.parts:
        found[part] = found.get(part, 0.0) + estimate_tokens(text, family)
    return found


def _settled(chain: ChainAccount) -> tuple[Usage, dict[str, float]]:
    """Return the usage of the current answer, along with its output tokens by part.

    A count below a third of the visible text is a placeholder that the client never replaced; the estimate is
    used instead. In an answer with thinking, output that is not visible counts as thinking.
    """
    parts = dict(chain.output)
    shown = sum(parts.values())
    output = round(shown) if chain.usage[4] < shown / PLAUSIBLE else chain.usage[4]
    if "output:thinking" in parts:
        parts["output:thinking"] = max(0.0, output - shown)
    parts = parts if sum(parts.values()) else {"output:prose": 1.0}
    factor = output / sum(parts.values())
    sent, write_5m, write_1h, read, _ = chain.usage
    usage = Usage(sent, write_5m, write_1h, read, output)
    return usage, {part: tokens * factor for part, tokens in parts.items()}


def _counts(usage: Usage) -> list[int]:
    return [usage.input, usage.write_5m, usage.write_1h, usage.read, usage.output]


def _bill_key(chain: ChainAccount, usage: Usage) -> str:
    """Return the key for the day, the model, and whether the prompt was long, which makes some models cost
    more.
    """
    return f"{chain.day} {chain.model}{' long' if usage.prompt > LONG_CONTEXT else ''}"


def _merge(sums: dict[str, float], more: dict[str, float]) -> None:
    for name, amount in more.items():
        sums[name] = sums.get(name, 0.0) + amount


def _add(bill: dict[str, list[int]], key: str, counts: list[int]) -> None:
    have = bill.setdefault(key, [0] * 6)
    for index, count in enumerate(counts):
        have[index] += count


def _text(use: ToolUse, name: str) -> str:
    value = use.arguments.get(name)
    return value if isinstance(value, str) else ""
