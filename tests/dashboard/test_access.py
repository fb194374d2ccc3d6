"""Access to the pages: the keyboard reaches everything that the mouse does, and nothing is compressed."""

from playwright.sync_api import Page, expect

from tests.dashboard.support.harness import DashboardHarness, settle


def test_the_keyboard_reaches_the_content_and_every_page(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url())
    settle(page)
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to the page's content")
    names = []
    for _ in range(8):
        page.keyboard.press("Tab")
        names.append(page.locator(":focus").inner_text())
    assert any("Now" in name for name in names)
    assert any("History" in name for name in names)


def test_pages_are_sent_as_they_are(page: Page, stage: DashboardHarness) -> None:
    """Compression would only cost time: browser and hub run on one machine."""
    page.goto(stage.url())
    settle(page)
    for address in ("location.href", "document.querySelector('link[rel=stylesheet]').href"):
        response = (
            f"fetch({address}, {{cache: 'reload'}}).then(answer => answer.headers.get('content-encoding'))"
        )
        assert page.evaluate(response) is None, address
