"""Sessions and streams of one principal, over real connections."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.integration


def test_a_principal_with_its_share_of_sessions_is_told_to_come_back(start_http: Callable[..., Any]) -> None:
    server = start_http(FILEWARDEN_HTTP_MAX_SESSIONS_PER_PRINCIPAL="2")
    sessions = [server.open_session() for _ in range(2)]
    body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}}
    reply = server.post(body)
    assert (reply.status, reply.headers["Retry-After"]) == (429, "5")
    for _ in range(2):
        server.open_stream()
    assert server.get("/sse", accept="text/event-stream").status == 429
    assert server.status()["refusals"]["sessions"] == 2
    assert server.request("DELETE", "/mcp", mcp_session_id=sessions[0]).status in (200, 204)
    assert server.post(body).status == 200
