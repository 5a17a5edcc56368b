"""Traces of a real server's calls, as a collector on loopback gets them, and of none where nobody is named."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from filewarden.broker.call import Call
from filewarden.broker.log import Log
from filewarden.broker.protocol.actions import StartCall
from filewarden.broker.protocol.principal import key_of
from filewarden.broker.protocol.revisions import V2025_06_18
from filewarden.broker.protocol.terms import Terms
from filewarden.broker.protocol.trace_context import TraceContext
from filewarden.config.errors import ConfigError
from filewarden.config.sections.telemetry import TelemetrySettings
from filewarden.transports.telemetry import collector as client
from filewarden.transports.telemetry.ended_call import EndedCall
from filewarden.transports.telemetry.opening import open_tracer
from filewarden.transports.telemetry.spans import SpanWriter
from filewarden.transports.telemetry.tracer import Tracer
from filewarden.workers.tool import Lane
from filewarden.workers.tools.read_file import TOOL

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PATIENCE_S = 20.0
SERVER, INTERNAL = 2, 1
"""Kinds of spans on the wire (trace.proto)."""

Json = dict[str, Any]


def values(attributes: list[Json]) -> Json:
    """By their keys: texts, and numbers as OTLP writes them."""
    return {each["key"]: next(iter(each["value"].values())) for each in attributes}


class Collector:
    """Takes OTLP over HTTP, until it is told to refuse."""

    def __init__(self) -> None:
        self.spans: list[Json] = []
        self.paths: list[str] = []
        self.keys: set[str | None] = set()
        self.connections: set[socket.socket] = set()
        self.status = 200
        self.answer = b""
        self.changed = threading.Condition()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with outer.changed:
                    outer.paths.append(self.path)
                    outer.connections.add(self.connection)
                    outer.keys.add(self.headers["X-Key"])
                    if outer.status == 200:
                        outer.take(body)
                    outer.changed.notify_all()
                self.send_response(outer.status)
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.send_header("Content-Length", str(len(outer.answer)))
                self.end_headers()
                self.wfile.write(outer.answer)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def take(self, body: bytes) -> None:
        json_format.Parse(body, ExportTraceServiceRequest())  # no member that the schema does not have
        for resource in json.loads(body)["resourceSpans"]:
            about = values(resource["resource"]["attributes"])
            for scope in resource["scopeSpans"]:
                self.spans += [{**values(span["attributes"]), **about, **span} for span in scope["spans"]]

    def wait_for(self, is_there: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(is_there, PATIENCE_S), self.spans

    def hang_up(self) -> None:
        """Close the connections that are kept."""
        for each in self.connections:
            each.shutdown(socket.SHUT_RDWR)

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
    assert (request["name"], request["kind"], request["service.name"]) == ("tools/call read_file", SERVER, "filewarden")
    assert (request["traceId"], request["parentSpanId"], request["traceState"]) == (TRACE, SPAN, "a=1")
    assert (worker["name"], worker["kind"]) == ("worker read_file", INTERNAL)
    assert (worker["traceId"], worker["parentSpanId"]) == (TRACE, request["spanId"])
    began, given = int(request["startTimeUnixNano"]), int(worker["startTimeUnixNano"])
    assert before < began <= given < int(request["endTimeUnixNano"]) < time.time_ns()
    assert worker["endTimeUnixNano"] == request["endTimeUnixNano"]
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
    assert (request["status"], failed["status"], failed["error.type"]) == ({}, {"code": 2}, "tool_error")
    assert failed["filewarden.outcome"] == "not_found"
    assert "parentSpanId" not in failed
    assert failed["traceId"] != TRACE
    assert (resource["name"], resource["error.type"]) == ("resources/read", resource["filewarden.outcome"])
    assert "README" not in json.dumps(collector.spans), "no path leaves"
    lines = [entry for entry in map(json.loads, audit.read_bytes().splitlines()) if "call" in entry]
    assert [line.get("trace", "") for line in lines] == [TRACE, "", failed["traceId"], resource["traceId"]]
    assert {(line["server"], line["call"]) for line in lines if "trace" in line} == {
        (span["filewarden.server"], int(span["filewarden.call"])) for span in collector.spans if span["kind"] == SERVER
    }
    assert (status["lost_total"], status["reason"]) == (0, None)


@pytest.mark.integration
def test_a_collector_that_refuses_costs_the_traces_and_no_call(
    start_http: Callable[..., Any], collector: Collector
) -> None:
    collector.status = 302
    server = start_http(
        FILEWARDEN_TELEMETRY_OTLP_ENDPOINT=f"{collector.address}/elsewhere", FILEWARDEN_LOG_FORMAT="json"
    )
    look = {"name": "get_file_info", "arguments": {"path": "."}}
    assert server.modern("tools/call", look).json["result"]["structuredContent"]["type"] == "directory"
    status = server.wait_for_status(lambda status: status["telemetry"]["lost_total"] and status["telemetry"]["reason"])
    assert status["telemetry"]["reason"].endswith("/elsewhere answers with status 302")
    assert status["telemetry"]["lost_total"] == 1
    assert set(collector.paths) == {"/elsewhere"}
    server.wait_for_error("traces cannot be sent")
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


def call_of(origin: StartCall | None, principal: str = "local") -> Call:
    return Call(
        id=1,
        client="a",
        principal=principal,
        tool=TOOL,
        arguments=TOOL.arguments(path="a"),
        lane=Lane.QUICK,
        submitted_at=0.0,
        soft_at=10.0,
        hard_at=10.25,
        deliver=lambda _outcome: None,
        origin=origin,
    )


def asked(principal: str = "local", **trace: Any) -> Call:
    """A call that a client asked for."""
    start = StartCall(
        request_id="7" * 10_000,
        operation=TOOL.name,
        arguments=TOOL.arguments(path="a"),
        respond=lambda _call, _outcome: b"",
        terms=Terms(revision=V2025_06_18),
        trace=TraceContext(**trace) if trace else None,
    )
    return call_of(start, principal)


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
    assert len(desk.sent[0].request_id) == 128, "whatever a client chooses"
    assert desk.sent[0].assigned_ns is None, "no worker had it"


@pytest.mark.parametrize(
    ("key", "profile"),
    [(key_of("builds", "token-3f"), "builds"), (key_of("", "token-3f"), None), ("local", None)],
)
def test_the_request_s_span_names_the_profile_that_served_it(
    key: str, profile: str | None, collector: Collector
) -> None:
    desk = Desk()
    desk.tracer.record(asked(key), None, 0.1)
    desk.tracer.start()
    desk.tracer.close()
    collector.take(SpanWriter("http", "a1b2c3d4").document(desk.sent))
    (span,) = collector.spans
    assert span.get("filewarden.profile") == profile
    assert "token-3f" not in json.dumps(span), "who it was stands in the logs alone"


def test_only_what_is_sampled_is_kept_and_calls_of_our_own_are_no_one_s() -> None:
    desk = Desk(sample_ratio=0.0)
    for call in (asked(), asked(trace_id=TRACE, span_id=SPAN, is_sampled=False), call_of(None)):
        desk.tracer.record(call, None, 0.1)
        assert call.trace == ""
    sampled = asked(trace_id=TRACE, span_id=SPAN, is_sampled=True)
    desk.tracer.record(sampled, None, 0.1)
    assert (sampled.trace, desk.tracer.status().waiting) == (TRACE, 1)


def test_headers_of_a_private_file_go_with_each_document(tmp_path: Path, collector: Collector) -> None:
    headers = tmp_path / "headers"
    headers.write_text("# of the collector\nX-Key: secret\n\n")
    settings = TelemetrySettings(otlp_endpoint=collector.address, headers_file=str(headers))
    headers.chmod(0o644)
    with pytest.raises(ConfigError, match="can be read by others"):
        open_tracer(settings, "stdio", Log(2))
    headers.chmod(0o600)
    tracer = open_tracer(settings, "stdio", Log(2))
    tracer.record(asked(), None, 0.1)
    tracer.start()
    tracer.close()
    assert collector.keys == {"secret"}


@pytest.mark.parametrize("text", ["no colon", "A B: c", "X-Key: \x07", "X-Key: ä", "x" * 20_000])
def test_headers_that_are_none_are_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "headers"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match=r"telemetry\.headers_file"):
        open_tracer(TelemetrySettings(otlp_endpoint="http://127.0.0.1:1", headers_file=str(path)), "stdio", Log(2))


def test_a_collector_that_is_not_there_or_has_hung_up_is_asked_again(collector: Collector) -> None:
    assert "refused" in client.Collector("http://127.0.0.1:1", {}).send(b"{}")
    asking = client.Collector(collector.address, {})
    collector.status = 400
    assert asking.send(b"{}").endswith("answers with status 400")
    collector.hang_up()
    assert asking.send(b"{}").endswith("answers with status 400"), "over a new connection"
    collector.close()
    assert asking.send(b"{}") != ""
    asking.close()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b'{"partialSuccess":{"rejectedSpans":"2","errorMessage":"too\\nold"}}', "leaves out 2 spans: too\\nold"),
        (b'{"partialSuccess":{"rejectedSpans":3}}', "leaves out 3 spans: "),
        (b'{"partialSuccess":{"errorMessage":"a warning"}}', ""),
        (b'{"partialSuccess":null}', ""),
        (b"{}", ""),
        (b"no JSON", ""),
        (b'{"partialSuccess":{"rejectedSpans":3,"errorMessage":"\xe9"}}', ""),
        (b'{"x":' + b"[" * 60_000, ""),
    ],
)
def test_a_collector_that_takes_only_a_part_says_so(answer: bytes, reason: str, collector: Collector) -> None:
    collector.answer = answer
    asking = client.Collector(collector.address, {})
    assert asking.send(b'{"resourceSpans":[]}') == (reason and f"{collector.address} {reason}")
    asking.close()
