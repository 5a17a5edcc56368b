"""What a request's `_meta` says of the trace that it is in."""

import json
from typing import Any

import pytest

from filewarden.broker.protocol.messages import CALL_PARAMS
from filewarden.broker.protocol.trace_context import TraceContext, read_trace_context

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"


def read(**meta: Any) -> TraceContext | None:
    found = CALL_PARAMS.decode(json.dumps({"name": "t", "_meta": meta})).meta
    return read_trace_context(found.traceparent, found.tracestate)


def test_a_parent_with_its_state() -> None:
    assert read(traceparent=PARENT, tracestate="a=1,b=2") == TraceContext(TRACE, SPAN, True, "a=1,b=2")
    assert read(traceparent=PARENT[:-2] + "00") == TraceContext(TRACE, SPAN, False)
    assert read(traceparent=f"01-{TRACE}-{SPAN}-03-more") == TraceContext(TRACE, SPAN, True), "a later version"
    assert read() is None


@pytest.mark.parametrize(
    "parent",
    [
        "",
        "x",
        7,
        None,
        [PARENT],
        {"a": PARENT},
        PARENT.upper(),
        PARENT + "-more",
        PARENT + "\n",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"01-{TRACE}-{SPAN}-01-" + "x" * 300,
        "00-\r\nX-Evil: 1",
    ],
)
def test_what_is_no_parent_is_none_and_no_error(parent: object) -> None:
    assert read(traceparent=parent, tracestate="a=1") is None


@pytest.mark.parametrize("state", [7, None, ["a=1"], "a=\u0000", "ä=1", "x" * 600, "a=1\nb=2"])
def test_a_state_that_is_none_is_left_out(state: object) -> None:
    assert read(traceparent=PARENT, tracestate=state) == TraceContext(TRACE, SPAN, True)
