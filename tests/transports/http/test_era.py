import json

import pytest

from filewarden.broker.protocol.jsonrpc import decode
from filewarden.transports.http.era import Way, way_of

ENVELOPE = {"_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}}
INITIALIZE = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}}
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
NOTE = {"jsonrpc": "2.0", "method": "notifications/initialized"}


@pytest.mark.parametrize(
    ("version", "session", "message", "expected"),
    [
        (b"2026-07-28", None, LIST, Way.MODERN),
        (b"2026-07-28", b"id", LIST, Way.MODERN),
        (b"2026-07-28", None, INITIALIZE, Way.MODERN),
        (b"never", None, LIST, Way.MODERN),
        (b"", None, LIST, Way.MODERN),
        (None, None, {**LIST, "params": ENVELOPE}, Way.MODERN),
        (b"2025-06-18", b"id", {**LIST, "params": ENVELOPE}, Way.MODERN),
        (None, None, {**NOTE, "params": ENVELOPE}, Way.MODERN),
        (None, None, {**INITIALIZE, "params": ENVELOPE}, Way.MODERN),
        (None, b"id", LIST, Way.SESSION),
        (b"2025-06-18", b"id", LIST, Way.SESSION),
        (None, b"id", INITIALIZE, Way.SESSION),
        (None, b"", LIST, Way.SESSION),
        (None, None, INITIALIZE, Way.OPENING),
        (b"2025-11-25", None, INITIALIZE, Way.OPENING),
        (None, None, LIST, Way.LOST),
        (None, None, NOTE, Way.LOST),
        (None, None, [INITIALIZE], Way.LOST),
        (None, None, "nonsense", Way.LOST),
        (None, None, {**INITIALIZE, "method": "ping"}, Way.LOST),
        (None, b"id", [LIST], Way.SESSION),
    ],
)
def test_the_decision_table(version: bytes | None, session: bytes | None, message: object, expected: Way) -> None:
    assert way_of(version, session, decode(json.dumps(message).encode())) is expected


@pytest.mark.parametrize(
    ("version", "session", "expected"),
    [(b"2026-07-28", b"id", Way.MODERN), (None, b"id", Way.SESSION), (b"2025-06-18", None, Way.LOST)],
)
def test_a_method_without_a_body(version: bytes | None, session: bytes | None, expected: Way) -> None:
    assert way_of(version, session, None) is expected
