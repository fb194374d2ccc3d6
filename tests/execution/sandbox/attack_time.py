"""The time limit of attacks that do not end by themselves, and the number of sandboxes that each meets.

``TOKEN_SAVER_TEST_ATTACK_SECONDS=20`` and ``TOKEN_SAVER_TEST_ATTACKS=all`` are the long form: attacks get the
time limits of the app, and each runs behind each barrier as each user. In the daily run an attack meets each
barrier once and each user once: two of the four pairs.
"""

import os
from collections.abc import Sequence
from dataclasses import replace

from server.execution.sandbox.find import Sandbox
from server.execution.sandbox.values import CommandJob, JobResult, PythonJob

ATTACK_SECONDS = float(os.environ.get("TOKEN_SAVER_TEST_ATTACK_SECONDS", "3"))
"""Time limit of an attack (seconds), if the app's limit is longer."""


EVERY_PAIR = os.environ.get("TOKEN_SAVER_TEST_ATTACKS") == "all"
"""Whether each attack runs behind each barrier as each user."""


class BriefSandbox(Sandbox):
    """A sandbox for commands with the time limit of attacks."""

    async def run(self, jobs: Sequence[PythonJob | CommandJob]) -> list[JobResult]:
        """Run the jobs with a time limit of at most ``ATTACK_SECONDS``."""
        return await super().run([brief(job) if isinstance(job, CommandJob) else job for job in jobs])


def brief(job: CommandJob) -> CommandJob:
    """Return ``job`` with a time limit of at most ``ATTACK_SECONDS``."""
    seconds = min(job.limits.seconds, ATTACK_SECONDS)
    return replace(job, limits=replace(job.limits, seconds=seconds))
