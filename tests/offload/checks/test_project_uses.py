"""A definition that another file of the project still uses may not be removed or renamed."""

from pathlib import Path

import pytest

from server.offload.checks.project_uses import line_of_use
from server.offload.code.languages import language_of
from tests.pipeline_harness import PipelineHarness
from tests.standins.answers import Answer

USED = [
    ("Python import", "shop.py", "cart.py", "from shop import price\n\nprice(1)\n", 1),
    ("Python relative import", "app/shop.py", "app/cart.py", "from .shop import tax, price\n", 1),
    ("Python package", "shop/__init__.py", "cart.py", "import os\nfrom shop import price\n", 2),
    ("Python attribute", "shop.py", "cart.py", "import shop\n\nprint(shop.price(1))\n", 3),
    ("JavaScript import", "src/shop.js", "src/cart.js", "import {price} from './shop.js';\nprice(1);\n", 1),
    ("JavaScript require", "shop.js", "cart.js", "const {price} = require('./shop');\n", 1),
    ("TypeScript re-export", "src/shop.ts", "src/all.ts", "export {price} from './shop';\n", 1),
    ("Go, same folder", "shop/a.go", "shop/b.go", "package shop\n\nfunc f() { price() }\n", 3),
    ("Go, elsewhere", "shop/a.go", "cart/b.go", 'package cart\n\nimport "x/shop"\nvar a = shop.price\n', 4),
    ("Rust", "src/shop.rs", "src/cart.rs", "use crate::shop::price;\n", 1),
    ("C", "shop.c", "cart.c", "int price(int);\nint main(void) { return price(1); }\n", 1),
    ("PHP", "shop.php", "cart.php", "<?php\necho price(1);\n", 2),
    ("Kotlin", "Shop.kt", "Cart.kt", "fun total() = price(1)\n", 1),
]  # fmt: skip
NOT_USED = [
    ("another module of Python", "shop.py", "cart.py", "from other import price\n"),
    ("a method of that name", "shop.py", "cart.py", "def f(item):\n    return item.price\n"),
    ("a comment", "shop.py", "cart.py", "# price of shop\nimport shop\n"),
    ("a text", "shop.c", "cart.c", 'char *a = "price";\n'),
    ("a definition of its own", "shop.c", "cart.c", "int price(int x) { return x; }\nint b = 1;\n"),
    ("another package of Go", "shop/a.go", "cart/b.go", "package cart\n\nvar a = other.price\n"),
    ("a longer name", "shop.php", "cart.php", "<?php\necho price_of(1);\n"),
]  # fmt: skip


@pytest.mark.parametrize(("_name", "edited", "path", "text", "line"), USED, ids=[each[0] for each in USED])
def test_a_use_is_found(_name: str, edited: str, path: str, text: str, line: int) -> None:
    language = language_of(path)
    assert language is not None
    assert line_of_use(Path("/p", edited), Path("/p", path), text, "price", language) == line


@pytest.mark.parametrize(("_name", "edited", "path", "text"), NOT_USED, ids=[each[0] for each in NOT_USED])
def test_what_is_not_certainly_a_use_is_left_alone(_name: str, edited: str, path: str, text: str) -> None:
    language = language_of(path)
    assert language is not None
    assert line_of_use(Path("/p", edited), Path("/p", path), text, "price", language) == 0


SHOP = "def price(x):\n    return x\n\n\ndef tax(x):\n    return x * 2\n\n\ndef net(x):\n    return x / 2\n"
REMOVED = "def tax(x):\n    return x * 2\n\n\ndef net(x):\n    return x / 2\n"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("answer", "other", "outcome"),
    [
        pytest.param(REMOVED, "from shop import price\n", "handed_back", id="removed, used elsewhere"),
        pytest.param(REMOVED, "from shop import tax\n", "delivered", id="removed, not used"),
        pytest.param(
            SHOP.replace("def price", "def cost"), "import shop\nshop.price(1)\n", "handed_back", id="renamed"
        ),
    ],
)
async def test_a_file_of_the_project_decides(
    answer: str, other: str, outcome: str, pipeline: PipelineHarness
) -> None:
    project = pipeline.caller.project
    assert project is not None
    (project / "shop.py").write_text(SHOP)
    (project / "cart.py").write_text(other)
    pipeline.ollama.answers.choose(lambda _prompt, _body: Answer(f"```python\n{answer}```"))
    result = await pipeline.run("Clean up.", files=("shop.py",), output="shop.py")
    assert result.name == outcome, result.text
    if outcome == "handed_back":
        assert "cart.py (line" in result.text
        assert (project / "shop.py").read_text() == SHOP


@pytest.mark.anyio
async def test_files_that_git_ignores_do_not_count(pipeline: PipelineHarness) -> None:
    project = pipeline.caller.project
    assert project is not None
    (project / "shop.py").write_text(SHOP)
    (project / "build").mkdir()
    (project / "build" / "cart.py").write_text("from shop import price\n")
    (project / ".gitignore").write_text("build/\n")
    pipeline.ollama.answers.choose(lambda _prompt, _body: Answer(f"```python\n{REMOVED}```"))
    result = await pipeline.run("Clean up.", files=("shop.py",), output="shop.py")
    assert result.name == "delivered", result.text
