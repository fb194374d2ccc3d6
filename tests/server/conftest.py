"""One hub without an engine, shared by the tests of the hub's outside."""

from collections.abc import Iterator

import pytest

from tests.hub_process import HubProcess, start_hub


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    with start_hub(tmp_path_factory.mktemp("hub")) as running:
        yield running
