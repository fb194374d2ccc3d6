"""Discovery of a project's own checks from its files; nothing is run."""

import json
import os
from pathlib import Path

import pytest

from server.execution.project_checks.find import find_project_checks
from server.execution.project_checks.related import related_tests
from server.execution.project_checks.values import ProjectCheck

PACKAGE = json.dumps({"devDependencies": {"typescript": "5", "vitest": "3", "jest": "30"}})


def lay(root: Path, files: dict[str, str]) -> None:
    """Write files below a folder."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def found(root: Path) -> dict[str, ProjectCheck]:
    """Return the checks by name."""
    return {check.name: check for check in find_project_checks(root).checks}


ONE_EACH = {
    "pytest-ini": ({"pytest.ini": "[pytest]\n"}, "pytest", "python -m pytest -q", "pytest.ini"),
    "pytest-table": (
        {"pyproject.toml": "[tool.pytest.ini_options]\n", "uv.lock": ""},
        "pytest",
        "uv run python -m pytest -q",
        "pyproject.toml [tool.pytest]",
    ),
    "pytest-setup-cfg": (
        {"setup.cfg": "[tool:pytest]\n"},
        "pytest",
        "python -m pytest -q",
        "setup.cfg [tool:pytest]",
    ),
    "pytest-tox-ini": ({"tox.ini": "[pytest]\n"}, "pytest", "python -m pytest -q", "tox.ini [pytest]"),
    "pytest-dependency": (
        {"pyproject.toml": "[dependency-groups]\ndev = ['pytest>=8', {include-group = 'x'}]\n"},
        "pytest",
        "python -m pytest -q",
        "pyproject.toml",
    ),
    "pytest-poetry": (
        {"pyproject.toml": "[tool.poetry.group.dev.dependencies]\npytest = '8'\n", "poetry.lock": ""},
        "pytest",
        "poetry run python -m pytest -q",
        "pyproject.toml",
    ),
    "pytest-requirements": (
        {"requirements-dev.txt": "black\npytest==8.0  # tests\n"},
        "pytest",
        "python -m pytest -q",
        "requirements-dev.txt",
    ),
    "unittest": (
        {"tests/test_a.py": "import unittest\n"},
        "unittest",
        "python -m unittest discover",
        "tests/test_a.py",
    ),
    "tox": ({"tox.ini": "[tox]\n[testenv]\n"}, "tox", "tox run", "tox.ini"),
    "nox": ({"noxfile.py": "import nox\n"}, "nox", "nox", "noxfile.py"),
    "ruff": ({"ruff.toml": ""}, "ruff", "python -m ruff check", "ruff.toml"),
    "mypy": ({"setup.cfg": "[mypy]\n"}, "mypy", "python -m mypy .", "setup.cfg [mypy]"),
    "pyright": ({"pyrightconfig.json": "{}"}, "pyright", "python -m pyright", "pyrightconfig.json"),
    "npm-script": (
        {"package.json": '{"scripts": {"lint": "eslint ."}}'},
        "npm run lint",
        "npm run lint",
        "package.json scripts.lint",
    ),
    "pnpm-script": (
        {"package.json": '{"scripts": {"test": "x"}}', "pnpm-lock.yaml": ""},
        "pnpm test",
        "pnpm test",
        "package.json scripts.test",
    ),
    "yarn-named": (
        {"package.json": '{"packageManager": "yarn@4.5.0", "scripts": {"typecheck": "tsc"}}'},
        "yarn run typecheck",
        "yarn run typecheck",
        "package.json scripts.typecheck",
    ),
    "vitest": ({"package.json": PACKAGE}, "vitest", "npx --no-install vitest run", "package.json"),
    "jest": ({"package.json": PACKAGE}, "jest", "npx --no-install jest", "package.json"),
    "tsc": (
        {"package.json": PACKAGE, "tsconfig.json": "{}"},
        "tsc",
        "npx --no-install tsc --noEmit",
        "tsconfig.json",
    ),
    "eslint": (
        {"package.json": "{}", "eslint.config.js": ""},
        "eslint",
        "npx --no-install eslint .",
        "eslint.config.js",
    ),
    "node-test-script": (
        {"package.json": '{"scripts": {"unit": "node --test"}}'},
        "node --test",
        "node --test",
        "package.json scripts.unit",
    ),
    "node-test-files": (
        {"package.json": "{}", "test/a.test.mjs": "import test from 'node:test'\n"},
        "node --test",
        "node --test",
        "test/a.test.mjs",
    ),
    "go-vet": ({"go.mod": "module x\n"}, "go vet", "go vet ./...", "go.mod"),
    "go-test": ({"go.mod": "module x\n"}, "go test", "go test ./...", "go.mod"),
    "cargo-check": ({"Cargo.toml": ""}, "cargo check", "cargo check", "Cargo.toml"),
    "cargo-test": ({"Cargo.toml": ""}, "cargo test", "cargo test", "Cargo.toml"),
    "make": ({"Makefile": "CC := gcc\ntest: build\n\tx\n"}, "make test", "make test", "Makefile test"),
    "phpunit": ({"phpunit.xml.dist": ""}, "phpunit", "vendor/bin/phpunit", "phpunit.xml.dist"),
    "rspec": (
        {"Gemfile": "gem 'rspec'\n", "spec/a_spec.rb": ""},
        "rspec",
        "bundle exec rspec",
        "Gemfile",
    ),
    "maven": ({"pom.xml": "", "mvnw": ""}, "mvn", "./mvnw -q test", "pom.xml"),
    "gradle": ({"build.gradle.kts": "", "gradlew": ""}, "gradle", "./gradlew test", "build.gradle.kts"),
    "dotnet": ({"App.sln": ""}, "dotnet", "dotnet test", "App.sln"),
}


@pytest.mark.fast
@pytest.mark.parametrize(("files", "name", "command", "where"), ONE_EACH.values(), ids=ONE_EACH.keys())
def test_each_tool_is_found(
    files: dict[str, str], name: str, command: str, where: str, tmp_path: Path
) -> None:
    lay(tmp_path, files)
    check = found(tmp_path)[name]
    assert (" ".join(check.command), check.found_in) == (command, where)


@pytest.mark.parametrize(
    "files",
    [
        pytest.param(
            {"package.json": '{"scripts": {"test": "echo \\"Error: no test specified\\" && exit 1"}}'},
            id="npm-init",
        ),
        pytest.param({"requirements.txt": "pytest-cov\n"}, id="a-plugin-alone"),
        pytest.param({"Makefile": "test := 1\ntests: x\n"}, id="a-variable-of-make"),
        pytest.param({"node_modules/x/package.json": '{"scripts": {"test": "x"}}'}, id="installed"),
        pytest.param({".venv/lib/x/pytest.ini": ""}, id="hidden"),
        pytest.param({"a/b/c/d/pytest.ini": ""}, id="deep"),
        pytest.param({"spec/a.md": "", "Gemfile": "gem 'rails'\n"}, id="a-spec-folder"),
    ],
)
def test_files_without_a_check_yield_none(files: dict[str, str], tmp_path: Path) -> None:
    lay(tmp_path, files)
    assert found(tmp_path) == {}


def test_the_fastest_comes_first(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": "[tool.ruff]\n[tool.mypy]\n[tool.pytest.ini_options]\n[tool.tox]\n",
        "go.mod": "",
    }
    lay(tmp_path, files)
    names = [check.name for check in find_project_checks(tmp_path).checks]
    assert names == ["ruff", "go vet", "mypy", "pytest", "go test", "tox"]


def test_projects_within_a_project_have_their_own_checks(tmp_path: Path) -> None:
    files = {
        "pnpm-lock.yaml": "",
        "package.json": "{}",
        "packages/a/package.json": '{"scripts": {"test": "vitest"}}',
        "packages/b/package.json": '{"scripts": {"test": "vitest"}}',
        "services/api/pyproject.toml": "[tool.ruff]\n",
        "ruff.toml": "",
    }
    lay(tmp_path, files)
    checks = find_project_checks(tmp_path).checks
    assert [check.folder.relative_to(tmp_path.resolve()).as_posix() for check in checks] == [
        ".",
        "packages/a",
        "packages/b",
    ]
    assert checks[1].command == ("pnpm", "test")


def test_a_check_covers_its_own_kind_of_file_in_its_own_folder(tmp_path: Path) -> None:
    lay(tmp_path, {"web/package.json": PACKAGE, "pytest.ini": "", "Makefile": "test:\n"})
    checks, root = found(tmp_path), tmp_path.resolve()
    assert checks["vitest"].concerns(root / "web/src/a.ts")
    assert not checks["vitest"].concerns(root / "other/a.ts")
    assert not checks["pytest"].concerns(root / "web/src/a.ts")
    assert checks["make test"].concerns(root / "anything.txt")


def test_a_command_is_narrowed_to_one_file(tmp_path: Path) -> None:
    lay(
        tmp_path, {"package.json": PACKAGE, "go.mod": "", "pytest.ini": "", "Cargo.toml": "", "ruff.toml": ""}
    )
    checks, root = found(tmp_path), tmp_path.resolve()
    assert checks["vitest"].words_for(root / "src/a.ts")[-3:] == ("related", "--run", "src/a.ts")
    assert checks["go test"].words_for(root / "pkg/a/b.go") == ("go", "test", "./pkg/a")
    assert checks["ruff"].words_for(root / "-x.py")[-1] == "./-x.py"
    assert checks["cargo test"].words_for(root / "src/a.rs") == ("cargo", "test")
    tests = (root / "tests/test_a.py",)
    assert checks["pytest"].words_for(root / "a.py", tests)[-2:] == ("-q", "tests/test_a.py")
    assert checks["pytest"].words_for(root / "a.py") == ("python", "-m", "pytest", "-q")


def test_tests_that_concern_a_file(tmp_path: Path) -> None:
    files = {
        "src/shop/cart.py": "",
        "tests/test_cart.py": "",
        "tests/unit/test_orders.py": "from shop.cart import Cart\n",
        "tests/unit/test_more.py": "from shop import cart\n",
        "tests/unit/test_text.py": "'cart'\n",
        "tests/unit/test_other.py": "import other.cart\n",
        "lib/basket.rb": "",
        "spec/basket_spec.rb": "",
    }
    lay(tmp_path, files)
    root = tmp_path.resolve()

    def names(file: str) -> list[str]:
        return [path.relative_to(root).as_posix() for path in related_tests(tmp_path, tmp_path / file)]

    assert names("src/shop/cart.py") == [
        "tests/test_cart.py",
        "tests/unit/test_more.py",
        "tests/unit/test_orders.py",
    ]
    assert names("lib/basket.rb") == ["spec/basket_spec.rb"]
    assert names("tests/test_cart.py") == ["tests/test_cart.py"]


def test_files_that_cannot_be_read_are_named_and_harmless(tmp_path: Path) -> None:
    lay(
        tmp_path,
        {"pyproject.toml": "[tool", "package.json": "{" * 9000, "ruff.toml": "", "a/package.json": "[]"},
    )
    (tmp_path / "Makefile").write_bytes(b"test:\n\xff")
    (tmp_path / "requirements.txt").write_text("pytest\n" * 400_000)
    result = find_project_checks(tmp_path)
    assert [check.name for check in result.checks] == ["ruff"]
    assert [line.partition(":")[0] for line in result.unreadable] == [
        "pyproject.toml",
        "requirements.txt",
        "package.json",
        "Makefile",
    ]


def test_links_are_not_followed(tmp_path: Path) -> None:
    outside, project = tmp_path / "outside", tmp_path / "project"
    lay(outside, {"pytest.ini": "", "package.json": PACKAGE})
    project.mkdir()
    (project / "linked").symlink_to(outside)
    (project / "package.json").symlink_to(outside / "package.json")
    assert found(project) == {}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_named_pipe_does_not_block_the_search(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "Makefile")
    lay(tmp_path, {"ruff.toml": ""})
    assert list(found(tmp_path)) == ["ruff"]


def test_values_of_unexpected_types_are_harmless(tmp_path: Path) -> None:
    package = '{"scripts": ["test"], "devDependencies": "jest", "packageManager": 3}'
    lay(tmp_path, {"package.json": package, "pyproject.toml": "tool = 3\nproject = ['pytest']\n"})
    assert found(tmp_path) == {}


def test_the_home_folder_is_searched_without_its_projects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay(tmp_path, {"go.mod": "module x\n", "project/pytest.ini": "[pytest]\n"})
    assert {"go vet", "pytest"} <= found(tmp_path).keys()
    monkeypatch.setenv("USERPROFILE" if os.name == "nt" else "HOME", str(tmp_path))
    assert "go vet" in found(tmp_path)
    assert "pytest" not in found(tmp_path)
