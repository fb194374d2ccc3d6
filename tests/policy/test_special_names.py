"""File names with a special meaning on some system."""

import pytest

from server.policy.files.special_names import (
    is_credential_file,
    is_environment_file,
    is_protected_folder,
    windows_problem,
)

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    "name",
    [
        ".git",
        ".GIT",
        "git~1",
        ".git.",
        ".git::$INDEX_ALLOCATION",
        ".ssh",
        ".g\u034fit",
        ".git\ufe0f",
        "\uff0egit",
        ".\u017f\u017fh",
        ".git .",
        ".a\u115fws",
    ],
)
def test_every_spelling_of_a_protected_folder_counts(name: str) -> None:
    assert is_protected_folder(name)


@pytest.mark.parametrize("name", ["git", "src", ".github", "gitlab~1x"])
def test_other_folders_are_not_protected(name: str) -> None:
    assert not is_protected_folder(name)


@pytest.mark.parametrize(
    "name", ["id_rsa", "id_rsa.bak", "ID_ED25519", ".netrc", "id\u180b_rsa", ".netrc:x", "server.\uff4bey"]
)
def test_a_copy_of_a_credential_file_counts_too(name: str) -> None:
    assert is_credential_file(name)


@pytest.mark.parametrize(
    ("name", "sets_passwords"),
    [
        (".env", True),
        (".env.local", True),
        (".envrc", True),
        (".env.example", False),
        ("environment.py", False),
    ],
)
def test_an_example_of_an_environment_file_sets_no_passwords(name: str, sets_passwords: bool) -> None:
    assert is_environment_file(name) is sets_passwords


@pytest.mark.parametrize(
    "path", ["CON", "docs/aux.md", "a.py:stream", "notes.", "C:a.py", r"\\server\share\a.py", "a|b.py"]
)
def test_windows_would_not_open_such_a_file(path: str) -> None:
    assert windows_problem(path)


def test_an_ordinary_path_is_no_problem_on_windows() -> None:
    assert windows_problem("src/shop/price.py") is None
