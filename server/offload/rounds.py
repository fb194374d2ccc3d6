"""The rounds of one offload: ask, check, run, write, ask again. The best attempt wins.

Local tokens cost nothing, so several samples are drawn for new code that can be run. With examples, the first
sample that passes them is used. Without examples, the behaviour shared by most samples decides.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from server.common.errors import BackendError
from server.config.sections import OffloadSettings
from server.engine.engine import Engine
from server.offload.answers.unfinished_tests import lists_without_end
from server.offload.asking.generate import Sampling, generate
from server.offload.asking.plan import Plan
from server.offload.asking.prompt import fit_repair
from server.offload.checks.project_uses import with_project_uses
from server.offload.checks.run import CUT, check_answer, cut_answer, rank
from server.offload.delivery import patches
from server.offload.delivery.deliver import Deliverer
from server.offload.files.workspace import Workspace
from server.offload.run.recorder import OffloadRecorder, OffloadState
from server.offload.trial_runs.trials import Trials
from server.offload.trial_runs.values import RUNS, TRIED
from server.offload.values import Attempt, Check, Delivery, Generation, Prompt, Verdict

FRUITLESS = 4
"""Number of answers after which sampling ends if no later one held more examples than the first. In five
chores of ``tests.bench.realistic`` with six failed answers, the last two never held more than the others.
"""
INPUTS = "inputs"
"""The kind of prompt that asks for inputs. Its answer is not a result."""


@dataclass(frozen=True)
class Rounds:
    """Asks the model until an answer passes or the settings allow no further round.

    Attributes:
        if_unrun: why new code that could not be run is handed back; None if it is delivered anyway.
    """

    engine: Engine
    workspace: Workspace
    recorder: OffloadRecorder
    deliverer: Deliverer
    settings: OffloadSettings
    trials: Trials
    if_unrun: Check | None = None

    async def play(
        self, run: OffloadState, plan: Plan, prompt: Prompt, sampling: Sampling
    ) -> tuple[Delivery | None, Check | None]:
        """Return the delivery (None if the text is returned instead) and any remaining failure.

        If an answer passes with a notice about a likely mistake, the model is asked once more before
        delivery. The second answer is used only if it is better. ``run.chosen`` is the attempt that is used.
        """
        first = prompt
        warmth = sampling.of_round(1)
        kept: Attempt | None = None
        told = False
        judged = False
        earlier = len(run.attempts)  # earlier attempts come from an engine that was replaced in the meantime
        while True:
            number = len(run.attempts) - earlier + 1
            attempt = await self._attempt(run, plan, prompt, warmth, number, kept)
            best = attempt if kept is None else min(kept, attempt, key=lambda each: rank(each.verdict))
            doubt = _doubt(best.verdict) if kept is None and number <= self.settings.repair_rounds else None
            if doubt is not None and (again := await self._repair(run, doubt)) is not None:
                kept, prompt, warmth = attempt, again, sampling.of_round(number + 1)
                continue
            unsure: Check | None = None
            if self.trials.wants_agreement(best.verdict):
                judged = judged or await self._check_judges(run, plan, best.verdict)
                if not judged:
                    best, unsure = await self._agree(run, plan, first, sampling, best)
            run.chosen = best
            if unsure is not None:
                return None, unsure
            unrun = self._unrun(run, plan, best.verdict)
            delivery, failure = (
                (None, unrun) if unrun else await self._deliver(run, plan, best, judged=judged)
            )
            if failure is None or failure.hopeless:
                return delivery, failure
            tried = judged or failure.name in TRIED
            tries = run.attempts[earlier:]
            if number >= self._most_rounds(tried=tried) or (not judged and tried and _is_fruitless(tries)):
                return delivery, failure
            kept = None
            if tried and told:
                run.progress.stage("sample")
                prompt, warmth = first, sampling.fresh()
                continue
            told = told or tried
            next_prompt = await self._repair(run, failure)
            if next_prompt is None:
                return None, failure
            prompt, warmth = next_prompt, sampling.of_round(number + 1)

    def _most_rounds(self, *, tried: bool) -> int:
        """Return the maximum number of answers after a failure. It is higher if the result was ``tried``:
        more samples can avoid what running it found.
        """
        rounds = self.settings.repair_rounds + 1
        return max(rounds, self.settings.samples) if tried and rounds > 1 else rounds

    async def _check_judges(self, run: OffloadState, plan: Plan, verdict: Verdict) -> bool:
        """Return whether the task's named check tests what the new code does, so that samples need not agree.

        A check that passes on empty bodies, such as a linter, does not.
        """
        if plan.edited is not None or (wrong := self.trials.emptied(plan, verdict)) is None:
            return False
        return await self.deliverer.check_fails_on(run, self.workspace, plan, wrong)

    def _unrun(self, run: OffloadState, plan: Plan, verdict: Verdict) -> Check | None:
        """Return why a result that should have been run but could not be is not delivered.

        More samples are worthwhile only for an unrequested import, which is a likely mistake.
        """
        if self.if_unrun is None or run.task.check or not verdict.passed:
            return None
        if plan.edited is not None and not run.task.examples:
            return None  # it was not supposed to be run
        if {each.name for each in verdict.checks} & TRIED:
            return None
        avoidable = any(notice.likely for notice in verdict.notices)
        message = f"Not checked: {', '.join(verdict.unchecked)}. {self.if_unrun.message}"
        return replace(self.if_unrun, name=RUNS, message=message, hopeless=not avoidable)

    async def _attempt(  # noqa: PLR0917 - the state of one round
        self,
        run: OffloadState,
        plan: Plan,
        prompt: Prompt,
        sampling: Sampling,
        number: int,
        kept: Attempt | None,
    ) -> Attempt:
        """Ask once and check the answer. If the engine fails, keep an earlier answer that passed."""
        began = run.elapsed
        try:
            enough = lists_without_end if plan.is_new_python_test else None
            generation, waited = await generate(self.engine, prompt, sampling, run.progress, enough=enough)
        except BackendError:
            if kept is None or self.trials.wants_agreement(kept.verdict):
                raise
            return kept
        run.add_seconds("queue", waited)
        run.progress.stage("check")
        checked_at = time.monotonic()
        verdict = await asyncio.to_thread(_checked, plan, generation, self.workspace)
        verdict = _run_if_cut(generation, await self.trials.run(plan, verdict))
        verdict = await asyncio.to_thread(patches.as_diff, plan, verdict)
        seconds = time.monotonic() - checked_at
        run.add_seconds("check", seconds)
        timings = {"began": began, "queue": waited, **generation.seconds, "check": seconds}
        attempt = Attempt(len(run.attempts) + 1, prompt, generation, verdict, timings)
        doubtful = kept is None and number <= self.settings.repair_rounds and _doubt(verdict) is not None
        unsure = any(self.trials.wants_agreement(each.verdict) for each in (kept, attempt) if each)
        last = verdict.passed and not run.task.check and not doubtful and not unsure
        await self.recorder.attempt(run, attempt, last=last)
        return attempt

    async def _agree(
        self, run: OffloadState, plan: Plan, first: Prompt, sampling: Sampling, best: Attempt
    ) -> tuple[Attempt, Check | None]:
        """Return the sample whose behaviour other samples share, or the reason why none qualifies."""
        began = run.elapsed
        asking = self.trials.inputs_prompt(plan, first, best.verdict)
        run.progress.stage("sample", "inputs to compare on")
        generation, waited = await generate(self.engine, asking, sampling, run.progress)
        run.add_seconds("queue", waited)
        timings = {"began": began, "queue": waited, **generation.seconds}
        verdict = Verdict((Check(INPUTS, passed=True),))
        proposal = Attempt(len(run.attempts) + 1, asking, generation, verdict, timings)
        await self.recorder.attempt(run, proposal)

        async def draw() -> Attempt:
            run.progress.stage("sample")
            return await self._attempt(run, plan, first, sampling.fresh(), len(run.attempts) + 1, best)

        chosen, unsure = await self.trials.agree(plan, best, generation.text, draw)
        if unsure is None:
            await self.recorder.attempt(run, chosen)
        return chosen, unsure

    async def _deliver(
        self, run: OffloadState, plan: Plan, attempt: Attempt, *, judged: bool
    ) -> tuple[Delivery | None, Check | None]:
        verdict = attempt.verdict
        delivery: Delivery | None = None
        if verdict.passed and plan.target is not None:
            delivery, checked = await self.deliverer.place(run, self.workspace, plan, verdict)
            if judged and checked.passed:
                checked = replace(checked, strength="tests ran")
            if checked is not verdict:
                verdict = checked
                run.chosen = replace(attempt, verdict=verdict)
                await self.recorder.attempt(run, run.chosen)
        return delivery, verdict.failure

    async def _repair(self, run: OffloadState, failure: Check) -> Prompt | None:
        """Return the prompt for the next round, or None if it does not fit in the model's context."""
        run.progress.stage("repair", failure.name)
        return await fit_repair(
            run.attempts, failure, self.engine, run.model, self.settings.max_output_tokens
        )


def _checked(plan: Plan, generation: Generation, workspace: Workspace) -> Verdict:
    return with_project_uses(plan, check_answer(plan, generation), workspace)


def _run_if_cut(generation: Generation, verdict: Verdict) -> Verdict:
    """Return the verdict on an answer. What remains of one that was cut passes only if it ran."""
    if generation.finish_reason not in CUT or not verdict.passed or verdict.strength == "tests ran":
        return verdict
    return replace(verdict, checks=(*verdict.checks, cut_answer(generation)))


def _is_fruitless(tries: Sequence[Attempt]) -> bool:
    """Return whether several answers have failed and none held more examples than the first."""
    held = [each.verdict.failure.held if each.verdict.failure else 0 for each in tries]
    return len(tries) >= FRUITLESS and max(held[1:]) <= held[0]


def _doubt(verdict: Verdict) -> Check | None:
    """Return the question about likely mistakes, or None if there are none."""
    likely = [notice.text for notice in verdict.notices if notice.likely]
    if not verdict.passed or not likely:
        return None
    message = (
        f"It did this, which the task may not want: {'; '.join(likely[:3])}. "
        "Correct that; if the task does want it, give the same answer again."
    )
    return Check("notices", passed=False, message=message)
