"""Spans of a call, as OpenTelemetry has them: one for the request, and one beneath it for its time in a worker.

Names and attributes follow the semantic conventions for MCP (open-telemetry/semantic-conventions-genai,
docs/gen-ai/mcp.md, in development); what they have no word for is called `filewarden.…`.
"""

from collections.abc import Iterator

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from filewarden.config.version import NAME, VERSION
from filewarden.transports.telemetry.ended_call import TOOL_CALL, EndedCall

Attributes = dict[str, str | int | float]

_SCOPE = InstrumentationScope(NAME, VERSION)
TOOL_ERROR = "tool_error"
"""What `error.type` is called for a result with `isError`, by the conventions."""


class SpanMaker:
    """Makes the spans of one server's calls. `transport` is `stdio` or `http`."""

    def __init__(self, transport: str, server: str) -> None:
        self._resource = Resource({"service.name": NAME, "service.version": VERSION, "service.instance.id": server})
        self._network: Attributes = {"network.transport": "pipe"}
        if transport == "http":
            self._network = {"network.transport": "tcp", "network.protocol.name": "http"}

    def spans(self, call: EndedCall) -> Iterator[ReadableSpan]:
        """The request's span, then the worker's, where one had it."""
        own = self._context(call, call.span_id)
        parent = None if call.parent is None else self._context(call, call.parent.span_id, is_remote=True)
        status = Status(StatusCode.ERROR) if call.has_failed else Status(StatusCode.UNSET)
        yield ReadableSpan(
            name=f"{call.method} {call.tool}".rstrip(),
            context=own,
            parent=parent,
            resource=self._resource,
            attributes=self._of_request(call),
            kind=SpanKind.SERVER,
            instrumentation_scope=_SCOPE,
            status=status,
            start_time=call.began_ns,
            end_time=call.ended_ns,
        )
        if call.assigned_ns is not None:
            yield ReadableSpan(
                name=f"worker {call.tool or call.method}",
                context=self._context(call, call.worker_span_id),
                parent=own,
                resource=self._resource,
                attributes={"filewarden.worker": call.worker, "filewarden.call": call.number},
                kind=SpanKind.INTERNAL,
                instrumentation_scope=_SCOPE,
                status=status,
                start_time=call.assigned_ns,
                end_time=call.ended_ns,
            )

    def _context(self, call: EndedCall, span_id: str, *, is_remote: bool = False) -> SpanContext:
        state = TraceState.from_header([call.parent.state]) if call.parent and call.parent.state else TraceState()
        flags = TraceFlags(TraceFlags.SAMPLED)
        return SpanContext(int(call.trace_id, 16), int(span_id, 16), is_remote, flags, state)

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
        if call.method == TOOL_CALL:
            attributes |= {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": call.tool}
        if call.assigned_ns is not None:
            attributes["filewarden.waited_ms"] = round((call.assigned_ns - call.began_ns) / 1e6, 3)
        if call.has_failed:
            attributes["error.type"] = TOOL_ERROR if call.method == TOOL_CALL else call.outcome
        return attributes
