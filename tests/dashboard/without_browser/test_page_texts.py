"""Texts of the pages that need no browser."""

import pytest

from dashboard.components.batches.batch_card import state_of
from dashboard.pages.models import downloadable
from server.backends.base import Capabilities

pytestmark = pytest.mark.fast


def test_downloadable_models_are_named() -> None:
    assert "qwen2.5-coder-1.5b" in downloadable(Capabilities(run_by_app=True))
    assert "such as qwen2.5-coder:7b" in downloadable(Capabilities())


def test_a_batch_with_failed_items_is_not_green() -> None:
    assert state_of("done", 0) == ("Done", "check_circle", "done")
    assert state_of("done", 5) == ("Done, 5 failed", "error", "wrong")
    assert state_of("running", 5)[0] == "Running"
