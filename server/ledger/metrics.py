"""Metrics for ``get_metrics`` and ``/metrics``: counters since hub start, and current values.

Counters and histograms are updated as offloads end (``History.on_finish``); gauges are read from the snapshot
and the totals on each request. Net savings are gauges because they can fall.
"""

import json

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from server.state.snapshot import Snapshot
from server.store.records import OffloadEnd, Totals

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
STAGES = ("queue", "load", "prompt", "generate", "check", "write", "total")
# Seconds, from a cached answer up to a large file on a slow machine.
BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640)


class Metrics:
    """The metrics of one hub, in their own registry."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "token_saver_requests",
            "Finished calls, by tool and outcome.",
            ("tool", "outcome"),
            registry=self._registry,
        )
        self._errors = Counter(
            "token_saver_errors",
            "Calls that failed or were handed back to Claude, by code.",
            ("code",),
            registry=self._registry,
        )
        self._local = Counter(
            "token_saver_local_tokens",
            "Tokens that the local model read (prompt) and wrote (completion).",
            ("kind", "model"),
            registry=self._registry,
        )
        self._claude = Counter(
            "token_saver_claude_tokens",
            "Claude's tokens, estimated: saved (spared) and cost (spent).",
            ("kind",),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "token_saver_seconds",
            "Seconds spent in each stage of a call.",
            ("stage",),
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._waiting = self._gauge("token_saver_queue_waiting", "Calls waiting for the engine.")
        self._running = self._gauge("token_saver_running", "Calls in progress.")
        self._up = self._gauge("token_saver_engine_up", "1 while the engine answers, else 0.")
        self._memory = Gauge(
            "token_saver_model_bytes",
            "Memory of each loaded model: total, and on GPUs.",
            ("model", "kind"),
            registry=self._registry,
        )
        self._net_tokens = Gauge(
            "token_saver_net_tokens",
            "Claude's tokens saved, net: estimated, and corrected by the transcript check.",
            ("basis",),
            registry=self._registry,
        )
        self._net_dollars = Gauge(
            "token_saver_net_dollars",
            "As token_saver_net_tokens, in dollars.",
            ("basis",),
            registry=self._registry,
        )

    def observe(self, tool: str, end: OffloadEnd) -> None:
        """Count a finished call."""
        self._requests.labels(tool, end.outcome).inc()
        if end.code:
            self._errors.labels(end.code).inc()
        self._local.labels("prompt", end.model).inc(end.prompt_tokens)
        self._local.labels("completion", end.model).inc(end.completion_tokens)
        receipt = end.receipt
        self._claude.labels("spared").inc(receipt.spared_input + receipt.spared_output)
        self._claude.labels("spent").inc(receipt.spent_output + receipt.spent_input + receipt.spent_share)
        for stage in STAGES:
            if stage in end.timings:
                self._seconds.labels(stage).observe(end.timings[stage])

    def prometheus(self, snapshot: Snapshot, totals: Totals) -> str:
        """Return all metrics in the Prometheus text format."""
        self._set(snapshot, totals)
        return generate_latest(self._registry).decode()

    def as_json(self, snapshot: Snapshot, totals: Totals) -> str:
        """Return everything except histogram buckets as JSON: ``{metric: [{"labels": {…}, "value": …}]}``.

        Claude reads this text, and buckets would make up nine tenths of it.
        """
        self._set(snapshot, totals)
        found: dict[str, list[dict[str, object]]] = {}
        for family in self._registry.collect():
            for sample in family.samples:
                if not sample.name.endswith(("_created", "_bucket")):
                    value = int(sample.value) if sample.value == int(sample.value) else sample.value
                    found.setdefault(sample.name, []).append({"labels": sample.labels, "value": value})
        return json.dumps(found, separators=(",", ":"))

    def _set(self, snapshot: Snapshot, totals: Totals) -> None:
        waiting = sum(each.stage == "queue" for each in snapshot.running)
        self._waiting.set(waiting)
        self._running.set(len(snapshot.running) - waiting)
        self._up.set(0 if snapshot.engine.error else 1)
        self._memory.clear()
        for model in snapshot.engine.loaded:
            self._memory.labels(model.name, "all").set(model.size)
            self._memory.labels(model.name, "gpu").set(model.size_vram)
        self._net_tokens.labels("estimated").set(totals.net_tokens)
        self._net_tokens.labels("corrected").set(totals.corrected_tokens)
        self._net_dollars.labels("estimated").set(totals.net_microusd / 1e6)
        self._net_dollars.labels("corrected").set(totals.corrected_microusd / 1e6)

    def _gauge(self, name: str, documentation: str) -> Gauge:
        return Gauge(name, documentation, registry=self._registry)
