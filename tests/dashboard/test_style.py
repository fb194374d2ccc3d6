"""The stylesheet does not change the framework's own elements, and focus is visible."""

import ast
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.dashboard.support.harness import DashboardHarness, settle, visit

STYLE = (Path(__file__).parents[2] / "assets" / "style.css").read_text(encoding="utf-8")
FRAMEWORK = re.compile(r"q-|nicegui-|body--|on-left$|disabled$|hidden$")
"""Classes of Quasar and NiceGUI that the stylesheet adapts on purpose."""

CLASS_ARGUMENT = {"box": 0, "text": 1, "link": 1, "icon": 1}
"""Position of the classes among the arguments of each function of ``controls.elements``."""

CONTRAST = """element => {
  const channel = value => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
  const ground = element => {
    for (let at = element.parentElement; at; at = at.parentElement) {
      const colour = numbers(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const style = getComputedStyle(element);
  if (style.outlineStyle !== 'solid' || parseFloat(style.outlineWidth) < 2) return 0;
  const [high, low] = [numbers(style.outlineColor), ground(element)].map(luminance).sort((a, b) => b - a);
  return (high + 0.05) / (low + 0.05);
}"""
"""The contrast (WCAG 2.2, 1.4.11) of an element's focus ring against its surroundings, 0 without a ring."""


def test_every_own_class_has_the_prefix() -> None:
    without_comments = re.sub(r"/\*.*?\*/", "", STYLE, flags=re.DOTALL)
    selectors = re.findall(r"([^{}]*)\{", without_comments)
    names = {name for each in selectors if "@" not in each for name in re.findall(r"\.(-?[a-z][\w-]*)", each)}
    assert len(names) > 100
    assert [name for name in sorted(names) if not name.startswith("ts-") and not FRAMEWORK.match(name)] == []


def test_every_class_of_the_pages_has_the_prefix() -> None:
    """Literal classes of ``text``, ``box``, ``link`` and ``icon``; names of Quasar are allowed."""
    found: set[str] = set()
    for path in (Path(__file__).parents[2] / "dashboard").rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(call, ast.Call)
                and isinstance(call.func, ast.Name)
                and call.func.id in CLASS_ARGUMENT
            ):
                place = CLASS_ARGUMENT[call.func.id]
                classes = call.args[place] if len(call.args) > place else None
                if isinstance(classes, ast.Constant):
                    found |= set(str(classes.value).split())
    assert len(found) > 100
    assert [name for name in sorted(found) if not name.startswith("ts-") and name != "hidden"] == []


def test_menus_options_and_notices_have_the_frameworks_size(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url())
    page.get_by_role("button", name="Pause offloading").click()
    item = page.locator(".q-menu .q-item").first
    expect(item).to_be_visible()
    assert height(item) == pytest.approx(48, abs=1)  # Quasar's minimum height of an item
    assert fits(item)
    page.keyboard.press("Escape")

    page.goto(stage.url("/history"))
    page.get_by_role("button", name="Outcome", exact=True).click()
    choice = page.get_by_role("menuitem").first
    expect(choice).to_be_visible()
    assert height(choice) == pytest.approx(36, abs=1)
    assert fits(choice)
    page.keyboard.press("Escape")

    page.goto(stage.url("/policy"))
    page.get_by_label("Kind").click()
    option = page.get_by_role("option").first
    expect(option).to_be_visible()
    assert height(option) == pytest.approx(32, abs=1)  # the minimum height of a dense item
    assert fits(option)
    page.keyboard.press("Escape")

    page.goto(stage.url("/settings"))
    page.get_by_role("button", name="Test the engine").click()
    notice = page.locator(".q-notification", has_text="The engine responds")
    expect(notice).to_be_visible()
    assert height(notice) < 60
    assert fits(notice)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_focus_of_every_kind_of_button_is_visible(
    browser: Browser, stage: DashboardHarness, scheme: str
) -> None:
    with visit(browser, stage.hub, scheme=scheme) as (page, _):
        page.goto(stage.url("/savings"))
        settle(page)
        page.keyboard.press("Tab")  # browsers show focus rings after a key press
        main = page.get_by_role("button", name="Check against the transcripts")
        quiet = page.get_by_role("button", name="Pause offloading")
        main.wait_for()
        assert [contrast(main) > 3, contrast(quiet) > 3] == [True, True]
        page.goto(stage.url("/models"))
        settle(page)
        page.keyboard.press("Tab")
        for look in ("plain", "danger"):
            assert contrast(page.locator(f".ts-btn-{look}:visible").first) > 3


def height(element: Locator) -> float:
    return float(element.evaluate("element => element.getBoundingClientRect().height"))


def fits(element: Locator) -> bool:
    """Return whether the content fits the element."""
    return bool(element.evaluate("element => element.scrollHeight <= element.clientHeight + 1"))


def contrast(button: Locator) -> float:
    """Focus the button and return the contrast of its focus ring."""
    button.focus()
    return float(button.evaluate(CONTRAST))
