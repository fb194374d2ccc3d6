"""Tests of the metrics in Prometheus' format and as JSON."""

import json
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from server.backends.base import Capabilities, LoadedModel
from server.engine.view import EngineView
from server.ledger.metrics import Metrics
from server.state.snapshot import RunningOffload, Snapshot
from server.store.records import Totals
from tests.store.offloads import end

ENGINE = EngineView("ollama", "Ollama", "http://x", Capabilities(), loaded=(LoadedModel("small", 900, 700),))
SNAPSHOT = Snapshot(
    version="1",
    url="",
    state="working",
    taken_at=0,
    engine=ENGINE,
    running=tuple(
        RunningOffload(str(n), "offload_work", "t", "c", "", "small", 0, stage)
        for n, stage in enumerate(("queue", "queue", "generate"))
    ),
)
TOTALS = Totals(
    net_tokens=-50, net_microusd=-2_500_000, audited=1, audited_estimate_tokens=-50, audited_net_tokens=-80
)


@pytest.fixture
def metrics() -> Metrics:
    metrics = Metrics()
    metrics.observe("offload_work", end())
    metrics.observe("offload_work", end())
    metrics.observe("compress_context", end("failed", spared=0, code="backend_unreachable"))
    return metrics


def read(text: str) -> dict[tuple[str, *tuple[str, ...]], float]:
    """Return each sample by its name and sorted label values."""
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_prometheus(metrics: Metrics) -> None:
    found = read(metrics.prometheus(SNAPSHOT, TOTALS))
    assert found["token_saver_requests_total", "delivered", "offload_work"] == 2
    assert found["token_saver_requests_total", "compress_context", "failed"] == 1
    assert found["token_saver_errors_total", "backend_unreachable"] == 1
    assert found["token_saver_local_tokens_total", "completion", "small"] == 120
    assert found["token_saver_claude_tokens_total", "spared"] == 1000
    assert found["token_saver_claude_tokens_total", "spent"] == 621
    assert found["token_saver_seconds_count", "generate"] == 3
    assert found["token_saver_seconds_bucket", "2.5", "total"] == 3
    assert found["token_saver_seconds_bucket", "1.0", "total"] == 0
    assert (found["token_saver_queue_waiting",], found["token_saver_running",]) == (2, 1)
    assert found["token_saver_model_bytes", "gpu", "small"] == 700


def test_a_loss_is_negative(metrics: Metrics) -> None:
    found = read(metrics.prometheus(SNAPSHOT, TOTALS))
    assert found["token_saver_net_tokens", "estimated"] == -50
    assert found["token_saver_net_tokens", "corrected"] == -80
    assert found["token_saver_net_dollars", "estimated"] == -2.5


def test_gauges_follow_the_snapshot(metrics: Metrics) -> None:
    assert read(metrics.prometheus(SNAPSHOT, TOTALS))["token_saver_engine_up",] == 1
    gone = replace(SNAPSHOT, running=(), engine=replace(ENGINE, loaded=(), error="Nothing answers."))
    found = read(metrics.prometheus(gone, TOTALS))
    assert found["token_saver_engine_up",] == 0
    assert found["token_saver_queue_waiting",] == 0
    assert ("token_saver_model_bytes", "all", "small") not in found


def test_json_has_the_same_values(metrics: Metrics) -> None:
    found = json.loads(metrics.as_json(SNAPSHOT, TOTALS))
    assert {"labels": {"tool": "offload_work", "outcome": "delivered"}, "value": 2} in found[
        "token_saver_requests_total"
    ]
    assert found["token_saver_queue_waiting"] == [{"labels": {}, "value": 2}]
    assert found["token_saver_seconds_count"]
    assert not any(name.endswith(("_created", "_bucket")) for name in found)
