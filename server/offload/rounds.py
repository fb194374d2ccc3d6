"""The rounds of one offload: ask, check, write, ask again. The best attempt counts."""

import asyncio
import time
from dataclasses import dataclass, replace

from server.common.errors import BackendError
from server.config.settings import OffloadSettings
from server.engine.engine import Engine
from server.offload.asking.generate import Sampling, generate
from server.offload.asking.plan import Plan
from server.offload.asking.prompt import fit_repair
from server.offload.checks.run import check_answer, rank
from server.offload.delivery import patches
from server.offload.delivery.deliver import Deliverer
from server.offload.files.workspace import Workspace
from server.offload.run.state import OffloadRecorder, OffloadState
from server.offload.values import Attempt, Check, Delivery, Generation, Prompt, Verdict


@dataclass(frozen=True)
class Rounds:
    """Asks the model until an answer passes or the settings allow no further round."""

    engine: Engine
    recorder: OffloadRecorder
    deliverer: Deliverer
    settings: OffloadSettings

    async def play(
        self, run: OffloadState, workspace: Workspace, plan: Plan, prompt: Prompt, sampling: Sampling
    ) -> tuple[Delivery | None, Check | None]:
        """Return the delivery (None if the text is returned instead) and the remaining failure.

        If an answer passes with a notice of a likely mistake, the model is asked once more before delivery.
        The later of the two answers counts only if it is better. ``run.chosen`` is the attempt that counts.
        """
        number = 0
        kept: Attempt | None = None
        while True:
            number += 1
            may_repair = number <= self.settings.repair_rounds
            attempt = await self._attempt(run, plan, prompt, sampling, number, kept)
            best = attempt if kept is None else min(kept, attempt, key=lambda each: rank(each.verdict))
            doubt = _doubt(best.verdict) if kept is None and may_repair else None
            if doubt is not None and (again := await self._repair(run, doubt)) is not None:
                kept, prompt = attempt, again
                continue
            run.chosen = best
            delivery, failure = await self._deliver(run, workspace, plan, best)
            if failure is None or failure.hopeless or not may_repair:
                return delivery, failure
            kept = None
            next_prompt = await self._repair(run, failure)
            if next_prompt is None:
                return None, failure
            prompt = next_prompt

    async def _attempt(  # noqa: PLR0917 - the state of one round
        self,
        run: OffloadState,
        plan: Plan,
        prompt: Prompt,
        sampling: Sampling,
        number: int,
        kept: Attempt | None,
    ) -> Attempt:
        """Ask once and check the answer. If the engine fails, an earlier answer that passed is kept."""
        try:
            generation, waited = await generate(self.engine, prompt, sampling.of_round(number), run.progress)
        except BackendError:
            if kept is None:
                raise
            return kept
        run.add_seconds("queue", waited)
        run.progress.stage("check")
        began = time.monotonic()
        verdict = await asyncio.to_thread(_checked, plan, generation)
        run.add_seconds("check", time.monotonic() - began)
        attempt = Attempt(number, prompt, generation, verdict)
        doubtful = kept is None and number <= self.settings.repair_rounds and _doubt(verdict) is not None
        last = verdict.passed and not run.task.check and not doubtful
        await self.recorder.attempt(run, attempt, last=last)
        return attempt

    async def _deliver(
        self, run: OffloadState, workspace: Workspace, plan: Plan, attempt: Attempt
    ) -> tuple[Delivery | None, Check | None]:
        verdict = attempt.verdict
        delivery: Delivery | None = None
        if verdict.passed and plan.target is not None:
            delivery, checked = await self.deliverer.place(run, workspace, plan, verdict)
            if checked is not None:
                verdict = replace(verdict, checks=(*verdict.checks, checked))
                run.chosen = replace(attempt, verdict=verdict)
                await self.recorder.attempt(run, run.chosen)
        return delivery, verdict.failure

    async def _repair(self, run: OffloadState, failure: Check) -> Prompt | None:
        """Return the prompt of the next round, None if it does not fit the model's context."""
        run.progress.stage("repair", failure.name)
        return await fit_repair(
            run.attempts, failure, self.engine, run.model, self.settings.max_output_tokens
        )


def _checked(plan: Plan, generation: Generation) -> Verdict:
    return patches.as_diff(plan, check_answer(plan, generation))


def _doubt(verdict: Verdict) -> Check | None:
    """Return the question about likely mistakes, None if there are none."""
    likely = [notice.text for notice in verdict.notices if notice.likely]
    if not verdict.passed or not likely:
        return None
    message = (
        f"It did this, which the task may not want: {'; '.join(likely[:3])}. "
        "Correct that; if the task does want it, give the same answer again."
    )
    return Check("notices", passed=False, message=message)
