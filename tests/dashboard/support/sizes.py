"""Windows of every size, zoom and scheme.

``TOKEN_SAVER_TEST_SIZES=all`` opens the whole product: 360, 1280 and 2560 px, 100 and 200 % zoom, light and
dark. Zoom halves the width in CSS pixels and doubles the pixels of the device, as in a browser.
"""

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from playwright.sync_api import Browser, Page

from tests.dashboard.support.harness import DashboardHarness, visit


@dataclass(frozen=True)
class Size:
    """A window: its width in pixels of the screen, the zoom (1 or 2), and the scheme."""

    width: int
    zoom: int
    scheme: str

    def __str__(self) -> str:
        return f"{self.width}px-{self.zoom}00-{self.scheme}"

    @property
    def css_width(self) -> int:
        """The width in CSS pixels."""
        return self.width // self.zoom


EVERY_SIZE = tuple(Size(*each) for each in itertools.product((360, 1280, 2560), (1, 2), ("light", "dark")))


def sizes(*daily: Size) -> tuple[Size, ...]:
    """Return these sizes, or every one in the long form."""
    return EVERY_SIZE if os.environ.get("TOKEN_SAVER_TEST_SIZES") == "all" else daily


@contextmanager
def window(browser: Browser, stage: DashboardHarness, size: Size) -> Iterator[Page]:
    """Open the dashboard in a window of this size. Any error of the browser fails the test at the end."""
    options = {"device_scale_factor": size.zoom, "reduced_motion": "reduce"}
    with visit(browser, stage.hub, width=size.css_width, scheme=size.scheme, **options) as (page, _):
        page.set_viewport_size({"width": size.css_width, "height": 900 // size.zoom})
        yield page
