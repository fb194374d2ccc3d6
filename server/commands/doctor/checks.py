"""``doctor`` findings about the user's named checks: where they run, and with which variables."""

from collections.abc import Iterator

from server.commands.doctor.finding import Finding
from server.config.folders import Folders
from server.config.settings import Settings
from server.offload.checks.places import CheckPlaces


def check_findings(settings: Settings, folders: Folders) -> Iterator[Finding]:
    """Yield the findings about ``[checks]``."""
    if not settings.checks:
        return
    offload, places = settings.offload, CheckPlaces(folders.check_places)
    questions = places.questions(settings.checks) if offload.check_sandbox != "never" else {}
    for name, question in questions.items():
        if name not in offload.checks_outside:
            fix = f"to answer, run token-saver checks place {name} sandbox (or: outside)"
            yield Finding("checks", "warning", question.text, fix)
    outside = sorted(
        name
        for name, command in settings.checks.items()
        if name not in questions
        and (
            offload.check_sandbox == "never"
            or name in offload.checks_outside
            or places.is_outside(name, command)
        )
    )
    if outside:
        fix = f"to run one in the sandbox: token-saver checks place {outside[0]} sandbox"
        if offload.check_sandbox == "never":
            fix = 'to run them in a sandbox (Linux): [offload] check_sandbox = "auto"'
        yield Finding(
            "checks", "ok", f"{', '.join(outside)} run code written by the model with your permissions", fix
        )
    more = ", ".join(offload.check_env) or "no others"
    yield Finding(
        "checks",
        "ok",
        f"their environment contains PATH, HOME, language, temporary folder; further variables: {more} "
        "([offload] check_env)",
    )
