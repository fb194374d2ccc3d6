"""Chores made from a project: what is asked, and what counts as right."""

from pathlib import Path

import pytest

from server.config.sections import BackendSettings
from server.config.settings import Settings
from server.models.docstring_check import docstring_error
from server.models.own_chores import own_chores
from tests.hub_in_process import running_hub
from tests.standins.answers import Answer
from tests.standins.ollama import CODER, OllamaStandIn

CODE = (
    "def total(values):\n    result = 0\n    for each in values:\n        result += each\n    return result"
)
RIGHT = CODE.replace("):\n", '):\n    """Return the sum."""\n', 1)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    for name, text in {
        "shop.py": f'"""Shop."""\n\n\n{RIGHT}\n',
        "pkg/tools.py": f"import os\n\n\n{CODE}\n",
        "pkg/broken.py": "def (\n",
        "pkg/short.py": "def one():\n    return 1\n",
        "test_shop.py": CODE,
        "venv/lib.py": CODE,
        ".hidden/x.py": CODE,
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.mark.fast
def test_functions_become_chores_without_their_docstring(project: Path) -> None:
    chores = own_chores(project)
    assert [each.name for each in chores] == ["docstring in shop.py", "docstring in pkg/tools.py"]
    assert {each.documents for each in chores} == {CODE}
    assert all("sum" not in each.task for each in chores)
    assert own_chores(project, most=1) == chores[:1]
    assert own_chores(project / "none") == ()


@pytest.mark.fast
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (RIGHT, ""),
        (CODE, "no docstring"),
        (RIGHT.replace("result = 0", "result = 1"), "changes the code"),
        (RIGHT + "\n\nprint(total([1]))", "not exactly the function"),
        ("x = 1", "not exactly the function"),
        ("def total(", "does not parse"),
        (RIGHT.replace("    result = 0", "    # start\n    result = 0"), ""),
    ],
    ids=["right", "no-docstring", "other-code", "more", "nothing", "syntax", "comment"],
)
def test_what_counts_as_right(answer: str, error: str) -> None:
    assert docstring_error(CODE, answer).startswith(error)
    assert bool(docstring_error(CODE, answer)) == bool(error)


@pytest.mark.anyio
async def test_a_model_is_measured_on_the_projects_functions(
    project: Path, ollama_standin: OllamaStandIn
) -> None:
    ollama_standin.answers.default = Answer("1\n2\n3\n")
    ollama_standin.answers.when("Write a docstring", Answer(f"```python\n{RIGHT}\n```"))
    chores = own_chores(project)
    assert len(chores) == 2
    backend = BackendSettings(kind="ollama", url=ollama_standin.url)
    async with running_hub(Settings(backend=backend)) as hub:
        record = await hub.measure(CODER, project=project)
    assert {each.name for each in record.chores if each.passed} == {each.name for each in chores}
    assert len(record.chores) > len(chores)
