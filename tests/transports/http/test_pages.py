"""The pages for operators and probes."""

import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration

PUBLIC = {"status": "ok", "server": "filewarden", "version": "0.1.0"}


def test_health_says_more_to_those_with_the_token(start_http: Callable[..., Any], tree: Path) -> None:
    server = start_http()
    assert server.get("/health", authorization="").json == PUBLIC
    assert server.get("/health", authorization="Bearer wrong").json == PUBLIC
    server.open_session()
    server.open_stream()
    full = {**PUBLIC, "root": str(tree), "clients": 2, "platform": platform.system()}
    assert server.get("/health").json == full


def test_health_without_auth_says_everything(start_http: Callable[..., Any], tree: Path) -> None:
    server = start_http("--auth", "none", auth=False)
    assert server.get("/health").json["root"] == str(tree)


def test_probes_need_no_token_and_tell_no_details(http: Any) -> None:
    assert http.get("/livez", authorization="").status == 200
    assert http.get("/readyz", authorization="").body == b'{"status":"ready"}'
    assert http.request("HEAD", "/readyz", auth=False).body == b""


def test_status_has_the_whole_picture(http: Any) -> None:
    status = http.get("/status").json
    assert status["transport"] == "http"
    assert status["status"] in ("ok", "degraded")
    assert len(status["workers"]) == status["pool"]["size"]
    assert status["clients"].keys() == {"stdio", "http", "sse"}


def test_status_may_have_an_address_of_its_own(start_http: Callable[..., Any]) -> None:
    server = start_http("--status", "127.0.0.1:0")
    assert server.get("/status").status == 404
    assert server.get("/readyz").status == 200
    port = int(server.announced("Status pages on http://127.0.0.1:").partition("/")[0])
    assert server.request("GET", "/status", port=port).json["transport"] == "http"
    assert server.request("GET", "/status", port=port, auth=False).status == 401
    assert server.request("GET", "/readyz", port=port, auth=False).status == 200
    assert server.request("POST", "/mcp", b"{}", port=port).status == 404


def test_status_may_be_off_and_probes_stay(start_http: Callable[..., Any]) -> None:
    server = start_http("--status", "off")
    assert server.get("/status").status == 404
    assert [server.get(path).status for path in ("/health", "/livez", "/readyz")] == [200, 200, 200]


@pytest.fixture
def pages_port() -> Callable[[Any], int]:
    """The port that a server on stdio announced for its pages."""

    def find(server: Any) -> int:
        return int(server.errors.partition("Status pages on http://127.0.0.1:")[2].partition("/")[0])

    return find


def test_a_server_on_stdio_may_have_pages(
    start_server: Callable[..., Any], environ: dict[str, str], pages_port: Callable[[Any], int]
) -> None:
    import http.client

    server = start_server("--status", "127.0.0.1:0")
    server.initialize()
    server.wait_until_ready()
    token = (Path(environ["XDG_STATE_HOME"]) / "filewarden" / "token").read_text().strip()
    seen = {}
    for path, headers in {
        "/health": {"Authorization": f"Bearer {token}"},
        "/livez": {},
        "/readyz": {},
        "/status": {"Authorization": f"Bearer {token}"},
        "/mcp": {"Authorization": f"Bearer {token}"},
    }.items():
        connection = http.client.HTTPConnection("127.0.0.1", pages_port(server), timeout=5)
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        seen[path] = (response.status, response.read())
        connection.close()
    assert {path: status for path, (status, _) in seen.items()} == {
        "/health": 200,
        "/livez": 200,
        "/readyz": 200,
        "/status": 200,
        "/mcp": 404,
    }
    assert b'"transport":"stdio"' in seen["/status"][1]
    assert b'"clients":1' in seen["/health"][1]
    assert server.finish() == 0


def test_status_lists_the_clients_by_what_they_say_of_themselves(start_http: Callable[..., Any]) -> None:
    server = start_http()
    name = "<img src=x onerror=alert(1)>"
    params = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": name, "version": "1"}}
    server.post({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params})
    reader = server.open_modern(
        "subscriptions/listen",
        {"notifications": {}, "_meta": {"io.modelcontextprotocol/clientInfo": {"name": "n" * 500}}},
    )
    clients = {client["id"].partition("-")[0]: client for client in server.status()["client_list"]}
    assert clients["http"]["name"] == name
    assert clients["tcp"]["name"] == "n" * 79 + "…"
    assert server.status()["clients"]["http"] == 2
    reader.close()
    assert server.wait_for_status(lambda status: status["clients"]["http"] == 1)["client_list"][0]["id"] == "http-1"


def test_status_shows_what_a_call_does_and_when_it_will_be_ended(start_http: Callable[..., Any]) -> None:
    server = start_http(
        "--log-level", "info", faulty=True, FILEWARDEN_DEADLINES_READ_S="3", FILEWARDEN_POOL_WORKERS="2"
    )
    session = server.open_session()
    body = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "sleep", "arguments": {"seconds": 9}}}
    server.open_events("POST", body, accept="text/event-stream, application/json", mcp_session_id=session)
    seen = server.wait_for_status(lambda status: status["pool"]["busy"] == 1)
    (row,) = [row for row in seen["workers"] if row["state"] == "busy"]
    assert row["client"] == "http-1"
    assert 0 <= row["busy_ms"] < row["deadline_ms"] <= 3250
    assert seen["queue"]["lanes"]["quick"] == {"waiting": 0, "running": 1, "limit": None, "oldest_ms": None}
    assert seen["queue"]["lanes"]["scan"]["limit"] == 1
    assert seen["pool"]["worker_memory_bytes"] == 256 * 1024 * 1024
    assert seen["front_end"]["pid"] == server.pid
    assert seen["front_end"]["rss_bytes"] > 10_000_000
    assert (seen["ready"], seen["refusals"]["queue_full"]) == (True, 0)
