"""Spans of calls, as OTLP has them in JSON: one for the request, and one beneath it for its time in a worker. Pure.

Names and attributes follow the semantic conventions for MCP (open-telemetry/semantic-conventions-genai,
docs/gen-ai/mcp.md, in development); what they have no word for is called `filewarden.…`. The shape is that of
opentelemetry-proto's trace.proto in the JSON mapping of OTLP: ids in hexadecimal, kinds and codes as numbers, 64-bit
numbers as texts. By ourselves, for the official library takes ten times as long, while nothing else runs.
"""

from collections.abc import Iterator, Sequence

import msgspec

from filewarden.config.version import NAME, VERSION
from filewarden.transports.telemetry.ended_call import TOOL_CALL, EndedCall

Attributes = dict[str, str | int | float]

TOOL_ERROR = "tool_error"
"""What `error.type` is called for a result with `isError`, by the conventions."""
INTERNAL, SERVER = 1, 2
"""Kinds of spans."""
ERROR = 2
"""The code of a status."""
SAMPLED = 0x01
HAS_REMOTE, IS_REMOTE = 0x100, 0x200
"""Flags of a span: whether it is known that its parent is another process's, and whether it is."""


class Value(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """One value, in the member of its kind."""

    string_value: str | None = None
    int_value: str | None = None
    double_value: float | None = None


class Attribute(msgspec.Struct, frozen=True):
    """One attribute."""

    key: str
    value: Value


class Status(msgspec.Struct, frozen=True, omit_defaults=True):
    """How it ended; nothing is said of what went well."""

    code: int = 0


class Span(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel", kw_only=True):
    """One span."""

    trace_id: str
    span_id: str
    trace_state: str = ""
    parent_span_id: str = ""
    flags: int
    name: str
    kind: int
    start_time_unix_nano: str
    end_time_unix_nano: str
    attributes: list[Attribute]
    status: Status


_encode = msgspec.json.Encoder().encode
_OF_A_TOOL = {"gen_ai.operation.name": "execute_tool"}


class SpanWriter:
    """Writes the spans of one server's calls. `transport` is `stdio` or `http`."""

    def __init__(self, transport: str, server: str) -> None:
        about: Attributes = {"service.name": NAME, "service.version": VERSION, "service.instance.id": server}
        resource = _encode({"attributes": _attributes(about)})
        scope = _encode({"name": NAME, "version": VERSION})
        self._head = b'{"resourceSpans":[{"resource":%b,"scopeSpans":[{"scope":%b,"spans":' % (resource, scope)
        self._network: Attributes = {"network.transport": "pipe"}
        if transport == "http":
            self._network = {"network.transport": "tcp", "network.protocol.name": "http"}

    def document(self, calls: Sequence[EndedCall]) -> bytes:
        """An ExportTraceServiceRequest with the spans of all of them."""
        return self._head + _encode([span for call in calls for span in self._spans(call)]) + b"}]}]}"

    def _spans(self, call: EndedCall) -> Iterator[Span]:
        """The request's span, then the worker's, where one had it."""
        parent = call.parent
        state = "" if parent is None else parent.state
        status = Status(ERROR) if call.has_failed else Status()
        yield Span(
            trace_id=call.trace_id,
            span_id=call.span_id,
            trace_state=state,
            parent_span_id="" if parent is None else parent.span_id,
            flags=SAMPLED | HAS_REMOTE | (0 if parent is None else IS_REMOTE),
            name=f"{call.method} {call.tool}".rstrip(),
            kind=SERVER,
            start_time_unix_nano=str(call.began_ns),
            end_time_unix_nano=str(call.ended_ns),
            attributes=_attributes(self._of_request(call)),
            status=status,
        )
        if call.assigned_ns is not None:
            yield Span(
                trace_id=call.trace_id,
                span_id=call.worker_span_id,
                trace_state=state,
                parent_span_id=call.span_id,
                flags=SAMPLED | HAS_REMOTE,
                name=f"worker {call.tool or call.method}",
                kind=INTERNAL,
                start_time_unix_nano=str(call.assigned_ns),
                end_time_unix_nano=str(call.ended_ns),
                attributes=_attributes({"filewarden.worker": call.worker, "filewarden.call": call.number}),
                status=status,
            )

    def _of_request(self, call: EndedCall) -> Attributes:
        attributes: Attributes = {
            "mcp.method.name": call.method,
            "mcp.protocol.version": call.revision,
            "jsonrpc.request.id": call.request_id,
            "filewarden.server": call.server,
            "filewarden.call": call.number,
            "filewarden.lane": call.lane,
            "filewarden.outcome": call.outcome,
            **self._network,
        }
        if call.profile:
            attributes["filewarden.profile"] = call.profile
        if call.method == TOOL_CALL:
            attributes.update(_OF_A_TOOL, **{"gen_ai.tool.name": call.tool})
        if call.assigned_ns is not None:
            attributes["filewarden.waited_ms"] = round((call.assigned_ns - call.began_ns) / 1e6, 3)
        if call.has_failed:
            attributes["error.type"] = TOOL_ERROR if call.method == TOOL_CALL else call.outcome
        return attributes


def _attributes(values: Attributes) -> list[Attribute]:
    return [Attribute(key, _value(value)) for key, value in values.items()]


def _value(value: str | float) -> Value:
    if isinstance(value, str):
        return Value(string_value=value)
    return Value(int_value=str(value)) if isinstance(value, int) else Value(double_value=value)
