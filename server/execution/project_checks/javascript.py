"""Checks for JavaScript and TypeScript projects: scripts, vitest, jest, node --test, tsc, eslint."""

from collections.abc import Iterator, Mapping
from typing import Any

from server.execution.project_checks.manifests import Folder, as_mapping
from server.execution.project_checks.values import FILE, CheckKind, ProjectCheck

_SCRIPT = (".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx", ".mts", ".cts", ".vue", ".svelte")
_TYPED = (".ts", ".tsx", ".mts", ".cts", ".js", ".jsx")
_NODE_TESTS = (".test.js", ".test.mjs", ".test.cjs")
_SCRIPTS: dict[str, CheckKind] = {
    "lint": "lint",
    "typecheck": "types",
    "type-check": "types",
    "check-types": "types",
    "test": "tests",
    "test:unit": "tests",
    "check": "everything",
}
"""Usual names of scripts that run checks (``test`` is npm's own; the others are conventions)."""
_NO_TEST = "no test specified"
"""Text in the placeholder script written by ``npm init``."""
_MANAGERS = (("pnpm-lock.yaml", "pnpm"), ("yarn.lock", "yarn"), ("bun.lock", "bun"), ("bun.lockb", "bun"))


def javascript_checks(folder: Folder) -> Iterator[ProjectCheck]:
    """Yield the checks found in one folder's files."""
    if folder.has("package.json") is None:
        return
    package = folder.json("package.json")
    manager = _manager(folder, package)
    depends = {
        name
        for key in ("dependencies", "devDependencies", "optionalDependencies")
        for name in as_mapping(package.get(key))
    }
    scripts = {
        name: script for name, script in as_mapping(package.get("scripts")).items() if isinstance(script, str)
    }
    for name, kind in _SCRIPTS.items():
        if name in scripts and _NO_TEST not in scripts[name]:
            words = (manager, "test") if name == "test" else (manager, "run", name)
            found = f"{folder.shown('package.json')} scripts.{name}"
            yield ProjectCheck(" ".join(words), kind, words, _SCRIPT, folder.path, found, rank=2)
    yield from _tools(folder, depends, _runner(manager))
    yield from _node_tests(folder, depends, scripts)


def _tools(folder: Folder, depends: set[str], run: tuple[str, ...]) -> Iterator[ProjectCheck]:
    config = next(
        (name for name in sorted(folder.files) if name.startswith(("eslint.config.", ".eslintrc"))), None
    )
    if config is not None:
        words = (*run, "eslint")
        yield ProjectCheck(
            "eslint", "lint", (*words, "."), _SCRIPT, folder.path, folder.shown(config), (*words, FILE)
        )
    if "typescript" in depends and folder.has("tsconfig.json"):
        words = (*run, "tsc", "--noEmit")
        yield ProjectCheck("tsc", "types", words, _TYPED, folder.path, folder.shown("tsconfig.json"))
    package = folder.shown("package.json")
    if "vitest" in depends:
        words = (*run, "vitest")
        yield ProjectCheck(
            "vitest",
            "tests",
            (*words, "run"),
            _SCRIPT,
            folder.path,
            package,
            (*words, "related", "--run", FILE),
        )
    if "jest" in depends:
        words = (*run, "jest")
        yield ProjectCheck(
            "jest", "tests", words, _SCRIPT, folder.path, package, (*words, "--findRelatedTests", FILE)
        )


def _node_tests(folder: Folder, depends: set[str], scripts: Mapping[str, str]) -> Iterator[ProjectCheck]:
    """Yield Node's own test runner if a script calls it, or if there are tests but no other runner."""
    called = next((name for name, script in scripts.items() if "node --test" in script), None)
    words = ("node", "--test")
    if called is not None:
        found = f"{folder.shown('package.json')} scripts.{called}"
    elif (
        depends & {"vitest", "jest", "mocha", "ava", "tap", "jasmine"} or (name := _test_file(folder)) is None
    ):
        return
    else:
        found = name
    yield ProjectCheck("node --test", "tests", words, _SCRIPT, folder.path, found, rank=1)


def _test_file(folder: Folder) -> str | None:
    inside = [folder] + [
        Folder(folder.path / name, folder.root, folder.unreadable)
        for name in ("test", "tests", "src")
        if name in folder.folders
    ]
    for each in inside:
        for name in sorted(each.files):
            if name.endswith(_NODE_TESTS) and "node:test" in (each.text(name) or ""):
                return each.shown(name)
    return None


def _manager(folder: Folder, package: Mapping[str, Any]) -> str:
    """Return the package manager named in the package file, or else the one implied by the nearest lock
    file.
    """
    named = package.get("packageManager")
    if isinstance(named, str) and named.partition("@")[0] in ("npm", "pnpm", "yarn", "bun"):
        return named.partition("@")[0]
    path = folder.path
    while path.is_relative_to(folder.root):
        for lock, manager in _MANAGERS:
            if (path / lock).is_file():
                return manager
        path = path.parent
    return "npm"


def _runner(manager: str) -> tuple[str, ...]:
    """Return the command prefix that runs an installed tool but never installs a missing one."""
    return {"pnpm": ("pnpm", "exec"), "yarn": ("yarn", "run"), "bun": ("bun", "x", "--no-install")}.get(
        manager, ("npx", "--no-install")
    )
