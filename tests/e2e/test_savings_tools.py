"""Test of ``cost_dashboard``, ``get_metrics`` and ``/metrics`` after a real call."""

import asyncio
import http.client
import json

from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.conftest import ClientHarness
from tests.e2e.test_offload import FENCED, TASK
from tests.mcp_clients import bridge_client, text_of


def test_a_call_appears_in_every_figure(stage: ClientHarness) -> None:
    stage.ollama.answers.when("slugify", FENCED)

    async def use() -> tuple[str, str, str]:
        async with bridge_client(stage.hub.environ, stage.project) as client:
            await client.call_tool("offload_work", {"task": TASK, "output": "slug.py"})
            return (
                text_of(await client.call_tool("cost_dashboard", {})),
                text_of(await client.call_tool("get_metrics", {})),
                text_of(await client.call_tool("get_metrics", {"format": "prometheus"})),
            )

    savings, as_json, prometheus = asyncio.run(use())
    assert "offload_work" in savings
    assert len(savings) < 1200
    counted = {
        sample["labels"]["outcome"]: sample["value"]
        for sample in json.loads(as_json)["token_saver_requests_total"]
        if sample["labels"]["tool"] == "offload_work"
    }
    assert counted["delivered"] >= 1
    assert 'token_saver_requests_total{outcome="delivered",tool="offload_work"}' in prometheus
    status, kind, text = scrape(stage, {"Authorization": f"Bearer {stage.hub.token}"})
    assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert {family.type for family in families.values()} == {"counter", "gauge", "histogram"}
    assert all(family.documentation for family in families.values())
    assert families["token_saver_requests"].samples
    assert scrape(stage, {})[0] == 401


def scrape(stage: ClientHarness, headers: dict[str, str]) -> tuple[int, str, str]:
    connection = http.client.HTTPConnection("127.0.0.1", stage.hub.port, timeout=120)
    try:
        connection.request("GET", "/metrics", headers=headers)
        response = connection.getresponse()
        return response.status, response.getheader("Content-Type", ""), response.read().decode()
    finally:
        connection.close()
