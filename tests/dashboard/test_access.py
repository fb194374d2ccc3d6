"""Keyboard access: the keyboard reaches everything that the mouse does."""

from playwright.sync_api import Page, expect

from tests.dashboard.support.harness import settle


def test_the_keyboard_reaches_the_content_and_every_page(page: Page) -> None:
    settle(page)
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to the page's content")
    names = []
    for _ in range(8):
        page.keyboard.press("Tab")
        names.append(page.locator(":focus").inner_text())
    assert any("Now" in name for name in names)
    assert any("History" in name for name in names)
