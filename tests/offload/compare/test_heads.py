"""Comparison of heads: decorators, modifiers, parameters, defaults, bases, comments."""

import pytest

from server.offload.code.languages import named_language
from server.offload.compare.code import compare_code
from tests.offload.compare.losses import losses


@pytest.mark.parametrize("loss", losses("heads"), ids=lambda loss: loss["name"])
def test_a_lost_part_of_a_head_is_named(loss: dict[str, str]) -> None:
    known = named_language(loss["language"])
    assert known is not None
    assert loss["named"] in [each.text for each in compare_code(loss["before"], loss["after"], known)]


def test_a_comment_that_moved_is_not_lost() -> None:
    known = named_language("typescript")
    assert known is not None
    before = "// Merge deeply.\nexport const merge = (a: number) => {\n  return a + 1;\n};\n"
    after = (
        "// Merge deeply.\nconst mergeAll = (root: boolean, a: number) => {\n  return root ? a + 1 : a;\n};\n"
        "export const merge = (a: number) => {\n  return mergeAll(true, a + 1);\n};\n"
    )
    assert "removed comment of merge" not in [each.text for each in compare_code(before, after, known)]


BEFORE = "def fetch(url, headers=None):\n    return url\n"


@pytest.mark.fast
@pytest.mark.parametrize(
    ("after", "named"),
    [
        (
            "def fetch(url, timeout=1.0, headers=None):\n    return url\n",
            ["moved parameter headers of fetch"],
        ),
        ("def fetch(url, headers=None, timeout=1.0):\n    return url\n", []),
        ("def fetch(url, headers=None, *, timeout=1.0):\n    return url\n", []),
        ("def fetch(url, method, headers=None):\n    return method\n", []),
    ],
    ids=["optional in front", "optional behind", "keyword only", "required in front"],
)
def test_a_parameter_behind_a_new_optional_one_has_moved(after: str, named: list[str]) -> None:
    known = named_language("python")
    assert known is not None
    assert [each.text for each in compare_code(BEFORE, after, known)] == named
