"""Correction of one receipt: what the transcript shows about the call, its session and its result."""

import time
from dataclasses import replace
from decimal import Decimal

from server.ledger.receipt import Cost, Ledger
from server.ledger.terms import TURN, Assumed, Figures, Sources, Terms, decimal
from server.ledger.tokens import Family, family_of, rescale
from server.ledger.transcripts.followup import Followup
from server.ledger.transcripts.session_state import FollowedCall, SessionState
from server.store.records import ReceiptRecord, RecordedOffload, TranscriptCheckRecord


def correct(
    call: FollowedCall,
    offload: Followup,
    cost: Cost,
    recorded: RecordedOffload,
    ledger: Ledger,
    *,
    terms: Terms | None = None,
) -> TranscriptCheckRecord:
    """Return the offload's actual savings and cost. ``cost`` is its part of the call, including its share.
    ``terms`` are the terms of its session.

    Estimates for one tokenizer family are rescaled to the family of the model that made the call.
    """
    estimate = recorded.receipt
    family = family_of(call.model)
    saved_output = rescale(estimate.spared_output, _family(estimate), family)
    saved_input = rescale(estimate.spared_input, _family(estimate), family)
    if offload.returned:
        saved_output = call.result_tokens * offload.kept_text
    elif offload.rewritten:
        saved_output = 0.0
    elif offload.edited and offload.survived is not None:
        saved_output *= offload.survived
    elif offload.edited:
        saved_output -= min(saved_output, offload.edited_tokens)
    figures = Figures(
        saved_input=round(saved_input * offload.unread_inputs),
        saved_output=round(saved_output),
        cost_output=cost.output + offload.edit_tokens,
        cost_input=cost.input + offload.read_tokens + offload.note_tokens,
        # A program that does not know the definitions (a command without a hub) keeps the recorded share.
        cost_share=cost.share if ledger.definitions_tokens else estimate.spent_share,
        saved_turns=_saved_turns(offload, estimate),
        cost_turns=cost.turns + TURN * (offload.read_turns + offload.edit_turns),
    )
    estimated = Terms.from_json(estimate.terms)
    assumed = _assumed(estimated, estimate, figures)
    used = terms or ledger.terms(call.model, call.prompt_tokens)
    used = replace(used, sources=_sources(estimated, ledger, family))
    receipt = ledger.price(figures, call.model, call.prompt_tokens, assumed=assumed, terms=used)
    return TranscriptCheckRecord(
        audited_at=time.time(),
        ending=offload.ending,
        survived=offload.survived,
        measured=call.call_measured and call.result_measured,
        receipt=receipt.as_record(),
    )


def session_terms(call: FollowedCall, state: SessionState, ledger: Ledger, elsewhere: int = 0) -> Terms:
    """Return the terms for a call whose session is known: how often its result was actually read from the
    cache, how the session wrote to the cache, and how much context a turn read at the time of the call.
    ``elsewhere`` counts the requests in forked sessions that sent the result.

    A session with no cached requests says nothing about the cache, so the usual habits apply.
    """
    terms = ledger.terms(call.model, call.prompt_tokens)
    short, long = (sum(counts[index] for counts in state.accounts.bill.values()) for index in (1, 2))
    if not short + long:
        return terms
    return replace(
        terms,
        basis="session",
        sessions=1,
        cache_reads=Decimal(max(0, call.requests + elsewhere - 1)),
        share_reads=Decimal(max(0, state.requests.get(call.chain, 1) - 1)),
        long_writes=decimal(round(long / (short + long), 3)),
        turn_reads=call.prompt_tokens,
    )


def _assumed(estimated: Terms | None, estimate: ReceiptRecord, figures: Figures) -> Assumed:
    """Return the range of the estimate, scaled like the savings that remain of it."""
    if estimated is None:
        return Assumed()
    input_kept = figures.saved_input / estimate.spared_input if estimate.spared_input else 0.0
    turns_kept = figures.saved_turns / estimate.spared_turns if estimate.spared_turns else 0.0
    return Assumed(
        round(estimated.assumed.input_least * input_kept),
        round(estimated.assumed.input_most * input_kept),
        round(estimated.assumed.turns_least * turns_kept),
        round(estimated.assumed.turns_most * turns_kept),
    )


def _sources(estimated: Terms | None, ledger: Ledger, family: Family) -> Sources | None:
    """Return the figures behind the counts: the habits that the estimate assumed, and the size of the
    definitions for the model that made the call.
    """
    if estimated is None or estimated.sources is None or not ledger.definitions_tokens:
        return estimated.sources if estimated is not None else None
    return replace(
        estimated.sources,
        definitions=round(rescale(ledger.definitions_tokens, ledger.family, family)),
        calls_per_session=ledger.settings.calls_per_session,
    )


def _saved_turns(offload: Followup, estimate: ReceiptRecord) -> int:
    """Return the turns Claude was actually spared. The reading turns do not count if it read every input
    itself, nor the writing turns if it wrote the file itself.
    """
    read = bool(estimate.spared_input)
    wrote = offload.outcome == "delivered"
    parts = read + wrote
    kept = (read and offload.unread_inputs > 0) + (wrote and not offload.rewritten)
    return estimate.spared_turns * kept // parts if parts else 0


def _family(receipt: ReceiptRecord) -> Family:
    return "A" if receipt.family == "A" else "B"
