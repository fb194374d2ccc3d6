"""Findings of ``doctor`` about the user's named checks: where they run, and with which variables."""

from collections.abc import Iterator

from server.commands.doctor.finding import Finding
from server.config.settings import Settings


def check_findings(settings: Settings) -> Iterator[Finding]:
    """Yield the findings about ``[checks]``."""
    if not settings.checks:
        return
    outside = sorted(settings.checks.keys() & set(settings.offload.checks_outside))
    if not settings.offload.check_sandbox:
        yield Finding(
            "checks",
            "ok",
            f"{', '.join(sorted(settings.checks))} run code written by the model with your permissions",
            "on Linux, run them in a sandbox: [offload] check_sandbox = true",
        )
    elif outside:
        yield Finding("checks", "ok", f"run in the sandbox, except {', '.join(outside)}")
    more = ", ".join(settings.offload.check_env) or "no others"
    yield Finding(
        "checks",
        "ok",
        f"their environment holds PATH, HOME, language, temporary folder; further variables: {more} "
        "([offload] check_env)",
    )
