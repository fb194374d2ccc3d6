"""Checks for other languages and tools: Go, Rust, make, PHP, Ruby, Maven, Gradle, .NET."""

import re
from collections.abc import Iterator

from server.execution.project_checks.manifests import Folder
from server.execution.project_checks.values import PACKAGE, TESTS, ProjectCheck

_TARGET = re.compile(r"^(test|check|lint)\s*:(?![=:])", re.MULTILINE)
_JVM = (".java", ".kt", ".kts", ".groovy", ".scala")
_NET = (".cs", ".fs", ".vb")
_SLOW = 3


def other_checks(folder: Folder) -> Iterator[ProjectCheck]:
    """Yield the checks found in one folder's files."""
    for found in (_go, _rust, _make, _php, _ruby, _jvm, _dotnet):
        yield from found(folder)


def _go(folder: Folder) -> Iterator[ProjectCheck]:
    if folder.has("go.mod"):
        where = folder.shown("go.mod")
        for name, kind in (("vet", "lint"), ("test", "tests")):
            yield ProjectCheck(
                f"go {name}",
                "lint" if kind == "lint" else "tests",
                ("go", name, "./..."),
                (".go",),
                folder.path,
                where,
                ("go", name, PACKAGE),
                rank=1,
            )


def _rust(folder: Folder) -> Iterator[ProjectCheck]:
    if folder.has("Cargo.toml"):
        where = folder.shown("Cargo.toml")
        yield ProjectCheck(
            "cargo check", "types", ("cargo", "check"), (".rs",), folder.path, where, rank=_SLOW
        )
        yield ProjectCheck("cargo test", "tests", ("cargo", "test"), (".rs",), folder.path, where, rank=_SLOW)


def _make(folder: Folder) -> Iterator[ProjectCheck]:
    if (name := folder.has("GNUmakefile", "makefile", "Makefile")) is None:
        return
    targets = dict.fromkeys(_TARGET.findall(folder.text(name) or ""))
    for target in targets:
        kind = {"lint": "lint", "test": "tests"}.get(target)
        where = f"{folder.shown(name)} {target}"
        yield ProjectCheck(
            f"make {target}",
            "lint" if kind == "lint" else "tests" if kind == "tests" else "everything",
            ("make", target),
            (),
            folder.path,
            where,
            rank=_SLOW,
        )


def _php(folder: Folder) -> Iterator[ProjectCheck]:
    if (name := folder.has("phpunit.xml", "phpunit.xml.dist", "phpunit.dist.xml")) is not None:
        words = ("vendor/bin/phpunit",)
        yield ProjectCheck("phpunit", "tests", words, (".php",), folder.path, folder.shown(name))


def _ruby(folder: Folder) -> Iterator[ProjectCheck]:
    shows = ".rspec" if folder.has(".rspec") else None
    if shows is None and "spec" in folder.folders and "rspec" in (folder.text("Gemfile") or ""):
        shows = "Gemfile"
    if shows is not None:
        words: tuple[str, ...] = ("bundle", "exec", "rspec") if folder.has("Gemfile") else ("rspec",)
        yield ProjectCheck(
            "rspec", "tests", words, (".rb",), folder.path, folder.shown(shows), (*words, TESTS)
        )


def _jvm(folder: Folder) -> Iterator[ProjectCheck]:
    if folder.has("pom.xml"):
        words = ("./mvnw" if folder.has("mvnw") else "mvn", "-q", "test")
        yield ProjectCheck("mvn", "tests", words, _JVM, folder.path, folder.shown("pom.xml"), rank=_SLOW)
    settings = folder.has("settings.gradle", "settings.gradle.kts", "build.gradle", "build.gradle.kts")
    if settings is not None:
        gradle = ("./gradlew" if folder.has("gradlew") else "gradle", "test")
        yield ProjectCheck("gradle", "tests", gradle, _JVM, folder.path, folder.shown(settings), rank=_SLOW)


def _dotnet(folder: Folder) -> Iterator[ProjectCheck]:
    names = sorted(folder.files)
    for ending in (".sln", ".slnx", ".csproj", ".fsproj"):
        if (name := next((each for each in names if each.endswith(ending)), None)) is not None:
            yield ProjectCheck(
                "dotnet", "tests", ("dotnet", "test"), _NET, folder.path, folder.shown(name), rank=_SLOW
            )
            return
