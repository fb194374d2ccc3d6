"""The history's filters as a URL."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.history_address import HistoryAddress, of_days

pytestmark = pytest.mark.fast


@given(
    st.dictionaries(
        st.sampled_from(["q", "outcome", "model", "project", "before", "time"]), st.text(max_size=20)
    )
)
def test_an_address_survives_a_round_trip(query: dict[str, str]) -> None:
    from urllib.parse import parse_qsl, urlsplit

    address = HistoryAddress.read(query)
    again = HistoryAddress.read(dict(parse_qsl(urlsplit(address.url).query)))
    assert again == address


def test_an_address_as_a_filter() -> None:
    today = datetime.date(2026, 11, 21)
    found = HistoryAddress(q="slug", outcome="failed", time="7d", before="x").filter(today)
    assert (found.search, found.outcome) == ("slug", "failed")
    assert found.since is not None
    assert datetime.datetime.fromtimestamp(found.since).date() == datetime.date(2026, 11, 15)  # noqa: DTZ006
    assert HistoryAddress(time="tomorrow").filter(today).since is None
    assert not HistoryAddress(before="x").filters


def test_an_address_of_days() -> None:
    today = datetime.date(2026, 11, 21)
    for last, days in (("2026-11-16", 1), ("2026-11-22", 7)):
        address = of_days("2026-11-16", last)
        found = HistoryAddress.read({"time": address.time}).filter(today)
        assert found.since is not None
        assert found.until is not None
        begun = datetime.datetime.fromtimestamp(found.since).date()  # noqa: DTZ006
        ended = datetime.datetime.fromtimestamp(found.until).date()  # noqa: DTZ006
        assert (begun, ended - begun) == (datetime.date(2026, 11, 16), datetime.timedelta(days=days))
    assert HistoryAddress(time="2026-11-22..2026-11-16").filter(today).until is None
