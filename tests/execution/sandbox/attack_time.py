"""The time limit of attacks that do not end by themselves.

``TOKEN_SAVER_TEST_ATTACK_SECONDS=20`` runs the long form: attacks get the time limits of the app.
"""

import os
from dataclasses import replace

from server.execution.sandbox.values import CommandJob

ATTACK_SECONDS = float(os.environ.get("TOKEN_SAVER_TEST_ATTACK_SECONDS", "5"))
"""Time limit of an attack (seconds), if the app's limit is longer."""


def brief(job: CommandJob) -> CommandJob:
    """Return ``job`` with a time limit of at most ``ATTACK_SECONDS``."""
    seconds = min(job.limits.seconds, ATTACK_SECONDS)
    return replace(job, limits=replace(job.limits, seconds=seconds))
