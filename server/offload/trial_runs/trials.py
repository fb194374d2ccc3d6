"""Decides which results can be run, and records what running them found.

A result that cannot be run is reported as "not run", with the reason. It has neither passed nor failed.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from server.config.sections import OffloadSettings
from server.execution.candidates import Choice, Rules, agreed
from server.execution.findings import Runs
from server.execution.runtime import Runtime
from server.execution.sandbox.find import Sandboxes
from server.execution.sandbox.values import Unavailable
from server.offload.asking.plan import Plan
from server.offload.checks import codes
from server.offload.checks.lint import TRIED_OUT
from server.offload.trial_runs.agreement import inputs_prompt, probes
from server.offload.trial_runs.new_code import given_facts, module_files, run_new_code
from server.offload.trial_runs.runtimes import runtime_of
from server.offload.trial_runs.values import RUNS, SAMPLES, TESTS, TrialRun, not_run
from server.offload.trial_runs.written_tests import run_written_tests
from server.offload.values import Attempt, Check, Prompt, Verdict

logger = logging.getLogger(__name__)

AT_ONCE = 2
"""Number of results that run concurrently. Each occupies one processor."""


class Trials:
    """Runs results in the first sandbox that works on this machine, a few at a time."""

    def __init__(self, settings: OffloadSettings, sandboxes: Sandboxes) -> None:
        self.settings = settings
        self._sandboxes = sandboxes
        self._slots = asyncio.Semaphore(AT_ONCE)

    def require_examples(self, plan: Plan) -> None:
        """Check that a call's examples can be read.

        Raises:
            BadArguments: an example is not a fact.
        """
        runtime = runtime_of(plan)
        if runtime is not None and not isinstance(runtime, str):
            given_facts(runtime, plan.task.examples)

    async def can_run(self, plan: Plan) -> bool:
        """Return whether a plan's results can be run here."""
        runtime = runtime_of(plan) if self.settings.run_code else None
        if runtime is None or isinstance(runtime, str):
            return False
        return not isinstance(await self._sandboxes.find(runtime.kind), Unavailable)

    async def run(self, plan: Plan, verdict: Verdict) -> Verdict:
        """Return the verdict on a result that passed the static checks, extended with what running it
        found.
        """
        runtime = runtime_of(plan) if self.settings.run_code and verdict.passed else None
        if runtime is None:
            return verdict
        if isinstance(runtime, str):
            return not_run("running it", runtime).added_to(verdict)
        sandbox = await self._sandboxes.find(runtime.kind)
        if isinstance(sandbox, Unavailable):
            return not_run("running it", f"no sandbox: {sandbox.reason}").added_to(verdict)
        async with self._slots:
            found = await _tried(plan, verdict.text, sandbox, runtime)
        if found.text not in (None, verdict.text):  # without demonstration code
            notices = tuple(each for each in verdict.notices if not each.text.endswith(TRIED_OUT))
            verdict = replace(verdict, notices=notices)
        return found.added_to(verdict)

    def wants_agreement(self, verdict: Verdict) -> bool:
        """Return whether only more samples can show that the new code is right."""
        return verdict.passed and bool(verdict.unproven) and self.settings.samples > 1

    def emptied(self, plan: Plan, verdict: Verdict) -> Verdict | None:
        """Return the verdict's result with empty bodies: a result that is certainly wrong.

        None if this machine cannot run the result's language.
        """
        runtime = runtime_of(plan)
        if runtime is None or isinstance(runtime, str):
            return None
        return replace(verdict, text=runtime.emptied(verdict.text, frozenset(verdict.unproven)))

    def inputs_prompt(self, plan: Plan, first: Prompt, verdict: Verdict) -> Prompt:
        """Return the prompt that asks for calls to compare samples on."""
        runtime = runtime_of(plan)
        assert runtime is not None
        assert not isinstance(runtime, str)
        return inputs_prompt(runtime, plan, first, verdict.text, verdict.unproven)

    async def agree(
        self,
        plan: Plan,
        first: Attempt,
        proposed: str,
        draw: Callable[[], Awaitable[Attempt]],
    ) -> tuple[Attempt, Check | None]:
        """Draw samples until enough of them behave alike on the probes.

        Return the attempt to deliver. If none qualifies, return the first one along with the reason.

        Args:
            plan: the plan of the task.
            first: the first sample, which passed.
            proposed: the model's answer with calls to compare samples on.
            draw: makes and checks one more sample.
        """
        runtime = runtime_of(plan)
        if runtime is None or isinstance(runtime, str):
            return first, None
        sandbox = await self._sandboxes.find(runtime.kind)
        if isinstance(sandbox, Unavailable):
            return first, None
        samples: dict[str, Attempt] = {first.verdict.text: first}

        async def source(number: int) -> str:
            attempt = first if number == 0 else await draw()
            if not attempt.verdict.passed:
                return ""  # shows no behaviour, but counts as a sample
            samples.setdefault(attempt.verdict.text, attempt)
            return attempt.verdict.text

        rules = Rules(self.settings.samples, self.settings.agreement)
        files = module_files(runtime, plan.sources, plan.edited)
        calls = probes(runtime, plan, first.verdict.unproven, proposed, first.verdict.text)
        choice = await agreed(source, sandbox, runtime, calls, rules=rules, files=files)
        if choice.source is None:
            return first, _disagreement(choice)
        chosen = samples[choice.source]
        checks = (*chosen.verdict.checks, Check(SAMPLES, passed=True))
        verdict = replace(chosen.verdict, checks=checks, strength="samples agree")
        return replace(chosen, verdict=verdict), None


async def _tried(plan: Plan, text: str, sandbox: Runs, runtime: Runtime) -> TrialRun:
    what = TESTS if plan.is_test else "running it"
    try:
        if plan.is_test:
            return await run_written_tests(sandbox, plan, text)
        return await run_new_code(sandbox, runtime, plan, text)
    except OSError as error:  # no process can be started, or there is no room for its folder
        logger.warning("a result could not be run: %s", error)
        return not_run(what, f"the sandbox failed: {error.strerror or error}")
    except (TypeError, ValueError, AttributeError, KeyError, IndexError, RecursionError) as error:
        # The code shares its process with the evaluator, so the code can write records of any form.
        logger.warning("the records of a trial run cannot be read", exc_info=error)
        message = "The result's records from the sandbox cannot be read."
        return TrialRun((Check(RUNS, passed=False, message=message, code=codes.DOES_NOT_RUN),))


def _disagreement(choice: Choice) -> Check | None:
    if choice.reason == "not run":
        return None
    return Check(SAMPLES, passed=False, message=choice.detail, code=codes.NO_AGREEMENT, hopeless=True)
