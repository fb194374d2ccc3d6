"""Queries of the dashboard's pages: lists, filters, search and totals."""

import time
from collections import Counter
from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import Connection, text

from server.store.facet_counts import count_facets
from server.store.history import History
from server.store.queries import read_page
from server.store.records import (
    IN_BATCH,
    NO_BATCH,
    ORDERS,
    SHELL,
    OffloadFilter,
    OffloadRow,
    Summary,
    Totals,
)
from server.store.result_digests import ResultDigests
from server.store.reviews import Reviews
from tests.store.offloads import digest, end, start

pytestmark = pytest.mark.anyio


async def _ids(history: History, **where: object) -> str:
    return "".join(row.id for row in await history.page(OffloadFilter(**where)))  # type: ignore[arg-type]


async def test_the_newest_is_first(filled: History) -> None:
    assert await _ids(filled) == "edcba"


async def test_pages_have_no_gaps_and_no_repeats(filled: History) -> None:
    seen: list[str] = []
    before = None
    while page := await filled.page(OffloadFilter(), limit=2, before=before):
        seen += [row.id for row in page]
        before = page[-1].id
        await filled.start(start(f"new{len(seen)}"))  # new rows do not shift later pages
    assert seen == list("edcba")


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ({"tool": "compress_context"}, "b"),
        ({"outcome": "failed"}, "c"),
        ({"outcome": "running"}, "e"),
        ({"model": "large"}, "cb"),
        ({"project": "/other"}, "c"),
        ({"client": "claude-desktop"}, "d"),
        ({"model": "large", "outcome": "returned"}, "b"),
        ({"model": "none"}, ""),
    ],
    ids=["tool", "failed", "running", "model", "project", "client", "two-filters", "no-match"],
)
async def test_filters(filled: History, where: dict[str, str], found: str) -> None:
    assert await _ids(filled, **where) == found


async def test_the_filters_of_review_batch_and_strength(filled: History) -> None:
    reviews = Reviews(filled.database, ())
    for name, job, strength in (("f", "j1", "parsed"), ("g", "j1", "typed"), ("h", None, "parsed")):
        await filled.start(start(name, job_id=job))
        await filled.finish(name, end("delivered", strength=strength))
    await reviews.record(["g"], "kept")
    await filled.mark_undone("h")
    assert await _ids(filled, strength="parsed") == "hf"
    assert await _ids(filled, batch="j1") == "gf"
    assert await _ids(filled, batch=IN_BATCH) == "gf"
    assert await _ids(filled, batch=NO_BATCH) == "hedcba"
    assert await _ids(filled, review="kept") == "g"
    assert await _ids(filled, review="undone") == "h"
    assert await _ids(filled, review="waiting", batch=IN_BATCH) == "f"


@pytest.mark.parametrize("search", ["", "slug"])
async def test_each_order_has_pages_without_gaps_and_repeats(filled: History, search: str) -> None:
    for number, spared in enumerate((500, 20, 0, 500, 20, 300)):
        await filled.start(start(f"slug-{number}", task="slug"))
        timings = {"total": float(number % 3)}
        await filled.finish(f"slug-{number}", end("returned", spared, timings=timings))
    where = OffloadFilter(search=search)
    everything = await filled.page(where)
    for order in ORDERS:
        seen: list[OffloadRow] = []
        while page := await filled.page(where, 2, seen[-1].id if seen else None, order):
            seen += page
        assert sorted(row.id for row in seen) == sorted(row.id for row in everything)
        nets = [row.net_tokens for row in seen]
        assert order != "saved" or nets == sorted(nets, reverse=True)
        assert order != "lost" or nets == sorted(nets)
        seconds = [row.seconds for row in seen]
        assert order != "slowest" or seconds == sorted(seconds, reverse=True)


async def test_counts_of_the_values_of_each_filter(filled: History) -> None:
    everything = await count_facets(filled.database, OffloadFilter())
    rows = await filled.page(OffloadFilter())
    for name in ("outcome", "tool", "model", "project", "client"):
        found = Counter(value for row in rows if (value := getattr(row, name)))
        assert everything.of(name) == found
    assert everything.of("batch") == {NO_BATCH: 5}
    failed = await count_facets(filled.database, OffloadFilter(outcome="failed"))
    assert failed.of("outcome") == everything.of("outcome")
    assert failed.of("model") == {"large": 1}
    slugs = await count_facets(filled.database, OffloadFilter(search="slug", tool="compress_context"))
    assert sum(slugs.of("tool").values()) == len(await filled.page(OffloadFilter(search="slug")))
    assert not everything.more


async def test_a_window_of_time(filled: History) -> None:
    now = time.time()
    assert await _ids(filled, since=now - 250) == "edc"
    assert await _ids(filled, until=now - 250) == "ba"
    assert await _ids(filled, since=now - 350, until=now - 150) == "cb"
    assert await _ids(filled, since=now + 10) == ""
    assert await _ids(filled, search="slug", until=now - 250) == "a"


async def test_the_summary_of_everything_counts_the_rows_of_the_list(filled: History) -> None:
    for _ in range(3):
        await ResultDigests(filled.database).add(digest())
    await filled.start(start("f", client=SHELL))
    await filled.finish("f", end("returned", would_save_tokens=90))
    assert len(await filled.page(OffloadFilter())) == 6
    assert await filled.summary(OffloadFilter()) == Summary(6, by_user=1, would_save_tokens=90)
    assert await filled.summary(OffloadFilter(since=0)) == await filled.summary(OffloadFilter())


@pytest.mark.parametrize("since", [None, 0.0], ids=["everything", "filtered"])
async def test_tries_that_a_batch_repeats_fill_no_page(filled: History, since: float | None) -> None:
    where = OffloadFilter(since=since, retried_codes=("paused", "engine_busy"))
    await filled.start(start("f"))
    await filled.finish("f", end("cancelled", code="paused"))
    for number in range(4):
        await filled.start(start(f"try-{number}", job_id="j1", client=SHELL))
        await filled.finish(f"try-{number}", end("failed", code="engine_busy"))
    await filled.start(start("g", job_id="j1"))
    await filled.finish("g", end("failed", code="syntax"))
    assert [row.id for row in await filled.page(where, limit=3)] == ["g", "f", "e"]
    assert await filled.summary(where) == Summary(7)
    assert await filled.summary(OffloadFilter(since=since)) == Summary(11, by_user=4)


SEARCHES = [
    pytest.param("slugify", "a", id="word"),
    pytest.param("SLUG", "da", id="prefix-in-capitals"),
    pytest.param("slug tests", "d", id="two-words"),
    pytest.param("src/slug.py", "a", id="path"),
    pytest.param("build_2026", "b", id="underscore"),
    pytest.param("nothing", "", id="no-match"),
    pytest.param("", "edcba", id="empty"),
    pytest.param("   ", "edcba", id="blanks"),
    pytest.param("-()\"*'", "", id="punctuation"),
]


@pytest.mark.parametrize(("search", "found"), [*SEARCHES, pytest.param("cafe", "c", id="without-accent")])
async def test_search_in_task_and_file_names(filled: History, search: str, found: str) -> None:
    assert filled.database.can_search
    assert await _ids(filled, search=search) == found


@pytest.mark.parametrize(("search", "found"), SEARCHES)
async def test_search_without_fts5(filled: History, search: str, found: str) -> None:
    def read(connection: Connection) -> str:
        rows = read_page(connection, OffloadFilter(search=search), 50, None, can_search=False)
        return "".join(row.id for row in rows)

    assert await filled.database.read(read) == found


async def test_search_pages_and_filters(filled: History) -> None:
    first = await filled.page(OffloadFilter(search="slug"), limit=1)
    second = await filled.page(OffloadFilter(search="slug"), limit=1, before=first[0].id)
    assert [row.id for row in (*first, *second)] == ["d", "a"]
    assert await _ids(filled, search="slug", model="small") == "a"


async def test_search_reads_its_index_and_not_the_table(filled: History) -> None:
    """The cost of a page of hits must not grow with the history."""

    def plan(connection: Connection) -> list[str]:
        rows = connection.execute(
            text(
                "EXPLAIN QUERY PLAN SELECT offload.id FROM offload_search, offload "
                "WHERE offload.seq = offload_search.rowid + 0 AND offload_search MATCH 'a' "
                "ORDER BY offload_search.rowid DESC LIMIT 5"
            )
        )
        return [row.detail for row in rows]

    steps = await filled.database.read(plan)
    assert steps[0].startswith("SCAN offload_search VIRTUAL TABLE")
    assert "SEARCH offload USING INTEGER PRIMARY KEY" in steps[1]
    assert not any("TEMP B-TREE" in step for step in steps)


async def test_totals_of_all_and_since_a_time(filled: History) -> None:
    totals = await filled.totals()
    assert (totals.offloads, totals.delivered, totals.returned, totals.failed) == (4, 2, 1, 1)
    assert totals.net_tokens == 3 * 293 - 207
    assert totals.losing == 1
    recent = await filled.totals(time.time() - 250)
    assert (recent.offloads, recent.net_tokens) == (2, 293 - 207)
    assert await filled.totals(time.time() + 10) == Totals()


async def test_totals_since_midnight_are_those_of_the_day(filled: History) -> None:
    midnight = datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
    days = await filled.by_day(2)
    assert await filled.totals(midnight) == days[-1].totals
    assert len(days) == 2


async def test_totals_by_dimension(filled: History) -> None:
    by_model = {group.name: group.totals.net_tokens for group in await filled.by("model")}
    assert by_model == {"small": 293, "third": 293, "large": 293 - 207}
    assert [group.name for group in await filled.by("project")] == ["/home/me/project", "/other"]
    assert sum(group.totals.offloads for group in await filled.by("day")) == 4


async def test_the_worst_losses(filled: History) -> None:
    await filled.finish("e", replace(end("handed_back", spared=0, spent=900), code="cut"))
    assert [row.id for row in await filled.losses()] == ["e", "c"]
    assert [row.net_tokens for row in await filled.losses(limit=1)] == [-907]


async def test_filter_values(filled: History) -> None:
    facets = await filled.facets()
    assert facets.tools == ("compress_context", "offload_work")
    assert facets.models == ("large", "small", "third")
    assert facets.clients == ("claude-code", "claude-desktop")
    assert facets.projects == ("/home/me/project", "/other")
    assert facets.outcomes == ("delivered", "failed", "returned", "running")
