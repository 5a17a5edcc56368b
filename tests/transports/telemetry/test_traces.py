"""Traces of a real server's calls, as a collector on loopback gets them, and of none where nobody is named."""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from filewarden.broker.call import Call
from filewarden.broker.log import Log
from filewarden.broker.protocol.actions import StartCall
from filewarden.broker.protocol.revisions import V2025_06_18
from filewarden.broker.protocol.terms import Terms
from filewarden.broker.protocol.trace_context import TraceContext
from filewarden.config.errors import ConfigError
from filewarden.config.sections.telemetry import TelemetrySettings
from filewarden.transports.telemetry.ended_call import EndedCall
from filewarden.transports.telemetry.opening import open_tracer
from filewarden.transports.telemetry.tracer import Tracer
from filewarden.workers.tool import Lane
from filewarden.workers.tools.read_file import TOOL

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PATIENCE_S = 20.0
SERVER, INTERNAL = 2, 1
"""Kinds of spans on the wire (trace.proto)."""

Json = dict[str, Any]


class Collector:
    """Takes OTLP over HTTP, until it is told to refuse."""

    def __init__(self) -> None:
        self.spans: list[Json] = []
        self.paths: list[str] = []
        self.status = 200
        self.changed = threading.Condition()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with outer.changed:
                    outer.paths.append(self.path)
                    if outer.status == 200:
                        outer.take(body)
                    outer.changed.notify_all()
                self.send_response(outer.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def take(self, body: bytes) -> None:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            about = {each.key: each.value.string_value for each in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.spans += [self._span(span, about) for span in scope.spans]

    def _span(self, span: Any, about: Json) -> Json:
        values = {each.key: each.value for each in span.attributes}
        return {
            "name": span.name,
            "kind": span.kind,
            "trace": span.trace_id.hex(),
            "id": span.span_id.hex(),
            "parent": span.parent_span_id.hex(),
            "state": span.trace_state,
            "began": span.start_time_unix_nano,
            "ended": span.end_time_unix_nano,
            "is_error": span.status.code == 2,
            "said": span.status.message,
            "service": about["service.name"],
            **{key: value.string_value or value.int_value or value.double_value for key, value in values.items()},
        }

    def wait_for(self, is_there: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(is_there, PATIENCE_S), self.spans

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.close()


def call(server: Any, tool: str, meta: Json | None = None, **arguments: Any) -> Json:
    params: Json = {"name": tool, "arguments": arguments}
    answer: Json = server.request("tools/call", params if meta is None else {**params, "_meta": meta})
    return answer


@pytest.mark.integration
def test_a_call_is_a_span_in_its_client_s_trace_with_a_span_for_the_worker(
    start_server: Callable[..., Any], collector: Collector, tmp_path: Path
) -> None:
    (tmp_path / "logs").mkdir(mode=0o700)
    audit = tmp_path / "logs" / "audit.jsonl"
    before = time.time_ns()
    server = start_server(FILEWARDEN_TELEMETRY_OTLP_ENDPOINT=collector.address, FILEWARDEN_AUDIT_FILE=str(audit))
    server.initialize()
    call(server, "read_file", {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "a=1"}, path="README.md")
    call(server, "read_file", {"traceparent": f"00-{TRACE}-{SPAN}-00"}, path="README.md")
    call(server, "read_file", {"traceparent": ["x"]}, path="not/there")
    server.request("resources/read", {"uri": "file:///none"})
    collector.wait_for(lambda: len(collector.spans) >= 6)
    status = server.control_status()["telemetry"]
    assert server.finish() == 0
    request, worker, failed, _, resource, _ = collector.spans
    assert set(collector.paths) == {"/v1/traces"}
    assert (request["name"], request["kind"], request["service"]) == ("tools/call read_file", SERVER, "filewarden")
    assert (request["trace"], request["parent"], request["state"]) == (TRACE, SPAN, "a=1")
    assert (worker["name"], worker["kind"]) == ("worker read_file", INTERNAL)
    assert (worker["trace"], worker["parent"]) == (TRACE, request["id"])
    assert before < request["began"] <= worker["began"] < worker["ended"] == request["ended"] < time.time_ns()
    wanted = {
        "mcp.method.name": "tools/call",
        "mcp.protocol.version": "2025-06-18",
        "gen_ai.tool.name": "read_file",
        "gen_ai.operation.name": "execute_tool",
        "network.transport": "pipe",
        "filewarden.outcome": "ok",
    }
    assert wanted.items() <= request.items()
    assert int(request["jsonrpc.request.id"]) > 0
    assert worker["filewarden.worker"].startswith("read-only/")
    assert (failed["error.type"], failed["is_error"], failed["said"]) == ("tool_error", True, "")
    assert failed["filewarden.outcome"] == "not_found"
    assert failed["parent"] == ""
    assert failed["trace"] not in ("", TRACE)
    assert (resource["name"], resource["error.type"]) == ("resources/read", resource["filewarden.outcome"])
    assert "README" not in json.dumps(collector.spans), "no path leaves"
    lines = [entry for entry in map(json.loads, audit.read_bytes().splitlines()) if "call" in entry]
    assert [line.get("trace", "") for line in lines] == [TRACE, "", failed["trace"], resource["trace"]]
    assert {(line["server"], line["call"]) for line in lines if "trace" in line} == {
        (span["filewarden.server"], span["filewarden.call"]) for span in collector.spans if span["kind"] == SERVER
    }
    assert (status["lost_total"], status["reason"]) == (0, None)


@pytest.mark.integration
def test_a_collector_that_refuses_costs_the_traces_and_no_call(
    start_http: Callable[..., Any], collector: Collector
) -> None:
    collector.status = 400
    server = start_http(
        FILEWARDEN_TELEMETRY_OTLP_ENDPOINT=f"{collector.address}/elsewhere", FILEWARDEN_LOG_FORMAT="json"
    )
    look = {"name": "get_file_info", "arguments": {"path": "."}}
    assert server.modern("tools/call", look).json["result"]["structuredContent"]["type"] == "directory"
    status = server.wait_for_status(lambda status: status["telemetry"]["lost_total"] == 1)
    assert "does not take them" in status["telemetry"]["reason"]
    assert set(collector.paths) == {"/elsewhere"}
    said = [json.loads(line)["message"] for line in server.errors.splitlines()]
    assert "traces cannot be sent" in said
    assert any(line.startswith("Filewarden listens on http://") for line in said)
    assert b"filewarden_telemetry_lost_calls_total 1.0" in server.get("/metrics").body
    collector.status = 200
    server.modern("tools/call", look)
    collector.wait_for(lambda: bool(collector.spans))
    assert (collector.spans[0]["network.transport"], collector.spans[0]["network.protocol.name"]) == ("tcp", "http")


class Desk:
    """A tracer whose exports are kept, or refused."""

    def __init__(self, **settings: Any) -> None:
        self.sent: list[EndedCall] = []
        self.reason = ""
        self.tracer = Tracer(self.export, Log(2), **{"queue": 10, "sample_ratio": 1.0, **settings})

    def export(self, batch: Sequence[EndedCall]) -> str:
        self.sent += batch
        return self.reason


def call_of(origin: StartCall | None) -> Call:
    return Call(
        id=1,
        client="a",
        principal="local",
        tool=TOOL,
        arguments=TOOL.arguments(path="a"),
        lane=Lane.QUICK,
        submitted_at=0.0,
        soft_at=10.0,
        hard_at=10.25,
        deliver=lambda _outcome: None,
        origin=origin,
    )


def asked(**trace: Any) -> Call:
    """A call that a client asked for."""
    start = StartCall(
        request_id=1,
        operation=TOOL.name,
        arguments=TOOL.arguments(path="a"),
        respond=lambda _call, _outcome: b"",
        terms=Terms(revision=V2025_06_18),
        trace=TraceContext(**trace) if trace else None,
    )
    return call_of(start)


def test_what_finds_no_room_is_counted_and_nothing_waits() -> None:
    desk = Desk(queue=2)
    for _ in range(5):
        desk.tracer.record(asked(), None, 0.1)
    assert (desk.tracer.status().waiting, desk.tracer.status().lost_total) == (2, 3)
    desk.tracer.start()
    desk.tracer.close()
    assert len(desk.sent) == 2
    assert (desk.tracer.status().exported_total, desk.tracer.status().lost_total) == (2, 3)
    assert desk.sent[0].outcome == "cancelled"
    assert desk.sent[0].assigned_ns is None, "no worker had it"


def test_only_what_is_sampled_is_kept_and_calls_of_our_own_are_no_one_s() -> None:
    desk = Desk(sample_ratio=0.0)
    for call in (asked(), asked(trace_id=TRACE, span_id=SPAN, is_sampled=False), call_of(None)):
        desk.tracer.record(call, None, 0.1)
        assert call.trace == ""
    sampled = asked(trace_id=TRACE, span_id=SPAN, is_sampled=True)
    desk.tracer.record(sampled, None, 0.1)
    assert (sampled.trace, desk.tracer.status().waiting) == (TRACE, 1)


def test_without_the_extra_the_setting_is_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(ConfigError, match=r"filewarden\[otel\]"):
        open_tracer(TelemetrySettings(otlp_endpoint="http://127.0.0.1:4318"), "stdio", Log(2))
