"""The metrics: what they are called, what they say, and that nobody from outside can make more of them."""

import re
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from filewarden.broker.status import Report
from filewarden.transports.http.metrics import exposition

NO_BASE_UNIT = re.compile(r"_(ms|milliseconds|minutes|hours|kb|kib|mb|mib|megabytes|percent|pct)(_|$)")
TYPE_IN_NAME = re.compile(r"_(gauge|counter|histogram|summary|untyped)(_|$)")


def parsed(report: Report, accept: str = "") -> dict[str, Any]:
    body, media_type = exposition(report, accept)
    assert media_type.startswith(b"text/plain; version=")
    return {family.name: family for family in text_string_to_metric_families(body.decode())}


def value(families: dict[str, Any], name: str, **labels: str) -> float:
    (found,) = [
        sample.value
        for family in families.values()
        for sample in family.samples
        if sample.name == f"filewarden_{name}" and labels.items() <= sample.labels.items()
    ]
    return float(found)


def test_every_metric_is_named_as_the_convention_asks(report: Report) -> None:
    for family in parsed(report).values():
        assert re.fullmatch(r"filewarden_[a-z][a-z_]*[a-z]", family.name)
        assert family.documentation.endswith(".")
        assert family.type in ("gauge", "counter", "histogram")
        assert not NO_BASE_UNIT.search(family.name)
        assert not TYPE_IN_NAME.search(family.name)
        assert not family.name.endswith(("_count", "_sum", "_bucket", "_total", "_info")) or family.name.endswith(
            "build_info"
        )
        assert all(sample.name.endswith("_total") for sample in family.samples) is (family.type == "counter")
        for sample in family.samples:
            assert all(re.fullmatch(r"[a-z][a-z_]*", label) for label in sample.labels)


def test_they_say_what_the_status_says(report: Report) -> None:
    found = parsed(report)
    assert value(found, "build_info", version="1.2.3") == 1
    assert (value(found, "ready"), value(found, "status", status="degraded")) == (1, 1)
    assert (value(found, "queue_depth"), value(found, "lane_oldest_seconds", lane="quick")) == (3, 1.5)
    assert value(found, "workers", pool="read-only", state="dead") == 1
    assert value(found, "worker_restarts_total", cause="memory") == 3
    assert value(found, "worker_starts_failing") == 1
    assert value(found, "worker_memory_bytes", slot="1") == 1024
    assert value(found, "refusals_total", reason="queue_full") == 1
    assert value(found, "sandbox_level", level="strong") == 1
    assert value(found, "sandbox_layer_active", layer="landlock") == 1
    assert [value(found, f"telemetry_{name}") for name in ("up", "calls_total", "lost_calls_total")] == [0, 3, 1]
    assert (value(found, "audit_up"), value(found, "audit_errors_total"), value(found, "audit_lost_lines_total")) == (
        0,
        2,
        1,
    )
    assert value(found, "process_resident_memory_bytes") == 4096


def test_latencies_are_a_histogram_that_adds_up(report: Report) -> None:
    found = parsed(report)
    labels = {"tool": "read_file", "outcome": "timeout"}
    assert value(found, "calls_total", **labels) == value(found, "call_duration_seconds_count", **labels) == 4
    assert value(found, "call_duration_seconds_sum", **labels) == pytest.approx(100.0081)
    buckets = [
        value(found, "call_duration_seconds_bucket", le=le, **labels) for le in ("0.0005", "0.005", "30.0", "+Inf")
    ]
    assert buckets == [1, 3, 3, 4]


def test_who_asks_for_openmetrics_gets_it(report: Report) -> None:
    body, media_type = exposition(report, "application/openmetrics-text; version=1.0.0")
    assert media_type.startswith(b"application/openmetrics-text")
    assert body.endswith(b"# EOF\n")


@pytest.mark.integration
def test_a_thousand_hostile_names_make_no_new_series(http: Any) -> None:
    def scrape() -> set[tuple[str, frozenset[tuple[str, str]]]]:
        reply = http.get("/metrics", accept="text/plain")
        assert reply.status == 200
        text = reply.body.decode()
        return {
            (sample.name, frozenset(sample.labels.items()))
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    session = http.open_session()
    known = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "get_file_info", "arguments": {"path": "."}},
    }
    http.post(known, mcp_session_id=session)
    http.get("/elsewhere")
    before = scrape()
    for number in range(1000):
        name = f'evil"}}\n# {number}'
        hostile = {**known, "params": {"name": name, "arguments": {"path": name}}}
        if number % 100 == 0:
            http.post(
                {
                    **known,
                    "method": "initialize",
                    "params": {
                        "clientInfo": {"name": name, "version": "1"},
                        "capabilities": {},
                        "protocolVersion": name,
                    },
                }
            )
            http.get(f"/{number}", cookie=f"{number}")
        http.post(hostile, mcp_session_id=session)
    assert {name for name, _ in before} >= {"filewarden_calls_total", "filewarden_clients"}
    assert scrape() == before


@pytest.mark.integration
def test_metrics_are_for_those_with_the_token(http: Any) -> None:
    assert http.get("/metrics", authorization="").status == 401
    reply = http.get("/metrics", accept="text/plain;version=0.0.4")
    assert reply.headers["content-type"].startswith("text/plain; version=")
    assert reply.headers["cache-control"] == "no-store"
    assert http.request("HEAD", "/metrics").status == 200
