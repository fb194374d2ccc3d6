"""The checks defined by projects, with a button to accept each one, and the state of the sandboxes."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from dashboard.components.controls.button import button
from dashboard.components.controls.card import empty
from dashboard.components.controls.elements import box, text
from dashboard.components.controls.notices import run_action
from server.common.errors import WriteFailed
from server.execution.project_checks.accepted import AcceptedChecks, Place
from server.execution.project_checks.find import find_project_checks
from server.execution.project_checks.values import ProjectCheck
from server.execution.sandbox.find import PROOFS, Sandboxes
from server.execution.sandbox.probe import Kind
from server.hub import Hub

MOST_PROJECTS = 8
RUNS_CODE = (
    "Found in your projects' files. These checks run project code, so each one runs only after you accept "
    "it. It runs in the sandbox, has no network access and cannot change the project."
)
_KINDS: tuple[tuple[Kind, str], ...] = (("python", "New Python code"), ("command", "Project checks"))


class ProjectCheckList:
    """Checks from the configured folders and from the projects Claude has worked in."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._accepted = AcceptedChecks(hub.folders.accepted_checks)
        text(RUNS_CODE, "ts-sub", "p")
        self._rows = box("ts-stack")

    async def refresh(self) -> None:
        """Search the projects' files and show the checks that were found."""
        known = (await self._hub.history.facets()).projects
        roots = dict.fromkeys(Path(each) for each in (*map(str, self._hub.settings.roots), *known) if each)
        found = await asyncio.to_thread(self._search, list(roots)[:MOST_PROJECTS])
        self._rows.clear()
        with self._rows:
            for root, checks, places in found:
                text(str(root), "ts-mono", "p")
                with box("ts-rows ts-setting-rows", "ul"):
                    for check in checks:
                        self._row(root, check, places)
            if not found:
                empty("No checks were found in the projects that Claude has worked in.")

    def _search(
        self, roots: list[Path]
    ) -> list[tuple[Path, tuple[ProjectCheck, ...], dict[ProjectCheck, Place]]]:
        return [
            (root, checks, dict(self._accepted.of(root)))
            for root in roots
            if root.is_dir() and (checks := find_project_checks(root).checks)
        ]

    def _row(self, root: Path, check: ProjectCheck, places: dict[ProjectCheck, Place]) -> None:
        place = places.get(check)
        with box("ts-setting-row", "li"):
            with box("ts-grow"):
                text(check.name, "ts-mono")
                text(f"{' '.join(check.command)} · from {check.found_in}", "ts-sub")
            if place is not None:
                text("accepted" if place == "sandbox" else "accepted outside the sandbox", "ts-tag")
            word = "Accept" if place is None else "Withdraw"
            label = f"{word} {check.name} of {root.name}"
            button(word, self._change(root, check, places), look="quiet", label=label)

    def _change(
        self, root: Path, check: ProjectCheck, places: dict[ProjectCheck, Place]
    ) -> Callable[[], Awaitable[None]]:
        async def change() -> None:
            left = {each: place for each, place in places.items() if each != check}
            wanted = left if check in places else {**left, check: "sandbox"}
            done = (
                ("The check no longer runs.")
                if check in places
                else ("From now on, the check runs on every result that it applies to.")
            )
            await run_action(asyncio.to_thread(self._put, root, wanted), done)
            await self.refresh()

        return change

    def _put(self, root: Path, wanted: dict[ProjectCheck, Place]) -> None:
        try:
            self._accepted.accept(root, wanted.items())
        except OSError as error:
            raise WriteFailed(
                f"The accepted checks could not be saved: {error.strerror or error}.", "Try again."
            ) from None


class SandboxState:
    """Shows the sandbox used for each purpose, with a button to test the sandboxes by attacking them."""

    def __init__(self) -> None:
        self._lines = box("ts-stack")
        with box("ts-actions"):
            button("Test the sandboxes", self._test, icon="security")
        self._show()

    def _show(self) -> None:
        self._lines.clear()
        with self._lines:
            for kind, what in _KINDS:
                proofs = PROOFS.get(kind, [])
                held = next((proof for proof in proofs if proof.holds), None)
                if held is not None:
                    words = f"{held.barrier} works: {len(held.blocked)} attacks were blocked."
                elif proofs:
                    words = "not run here. " + " ".join(f"{each.barrier}: {each.reason}" for each in proofs)
                else:
                    words = "not tested since the app started."
                text(f"{what}: {words}", "", "p")

    async def _test(self) -> None:
        async def attack() -> None:
            sandboxes = Sandboxes(proofs=PROOFS)
            for kind, _ in _KINDS:
                await sandboxes.proofs(kind)

        await run_action(attack(), "The sandboxes were tested.")
        self._show()
