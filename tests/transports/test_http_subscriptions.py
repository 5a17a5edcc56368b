"""Changes of resources on each way that HTTP has for what belongs to no answer."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration

Body = Callable[..., Any]
TAG = "io.modelcontextprotocol/subscriptionId"
UPDATED = "notifications/resources/updated"


def next_of(stream: Any, method: str) -> Any:
    """The params of the next notification of a method."""
    while (event := stream.event()).name:
        message = json.loads(event.data) if event.data and event.name != ":" else {}
        if message.get("method") == method:
            return message.get("params", {})
    raise AssertionError("the stream has ended")


@pytest.fixture(scope="module")
def server(start_shared_http: Callable[..., Any]) -> Any:
    return start_shared_http()


@pytest.fixture
def file(server: Any) -> Path:
    path: Path = server.root / "watched.txt"
    path.write_text("before")
    return path


def test_a_session_hears_on_its_general_stream(server: Any, file: Path, request_body: Body) -> None:
    session = server.open_session("2025-11-25")
    uri = file.resolve().as_uri()
    subscribed = server.post(request_body("resources/subscribe", {"uri": uri}), mcp_session_id=session)
    assert subscribed.json["result"] == {}
    stream = server.open_events("GET", mcp_session_id=session)
    file.write_text("after")
    assert next_of(stream, UPDATED) == {"uri": uri}


def test_a_client_of_the_first_transport_hears_on_its_one_stream(server: Any, file: Path, request_body: Body) -> None:
    stream = server.open_stream()
    endpoint = stream.event().data

    def ask(method: str, params: Any, request_id: int) -> Any:
        assert server.request("POST", endpoint, request_body(method, params, request_id)).status == 202
        return json.loads(stream.event().data)["result"]

    ask("initialize", {"protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": {"name": "t"}}, 1)
    uri = file.resolve().as_uri()
    assert ask("resources/subscribe", {"uri": uri}, 2) == {}
    file.write_text("after")
    assert next_of(stream, UPDATED) == {"uri": uri}


def test_a_modern_client_hears_on_the_stream_of_its_request(server: Any, file: Path) -> None:
    uri = file.resolve().as_uri()
    wanted = {"notifications": {"resourceSubscriptions": [uri, "file:///etc/passwd"], "resourcesListChanged": True}}
    stream = server.open_modern("subscriptions/listen", wanted, request_id="")
    acknowledged = next_of(stream, "notifications/subscriptions/acknowledged")
    assert acknowledged == {
        "notifications": {"resourceSubscriptions": [uri], "resourcesListChanged": True},
        "_meta": {TAG: ""},
    }
    file.write_text("after")
    assert next_of(stream, UPDATED) == {"uri": uri, "_meta": {TAG: ""}}
    (server.root / "new.txt").touch()
    assert next_of(stream, "notifications/resources/list_changed") == {"_meta": {TAG: ""}}


def test_two_clients_hear_of_their_own_each(server: Any, file: Path, request_body: Body) -> None:
    uri = file.resolve().as_uri()
    session = server.open_session("2025-06-18")
    server.post(request_body("resources/subscribe", {"uri": uri}), mcp_session_id=session)
    legacy = server.open_events("GET", mcp_session_id=session)
    modern = server.open_modern("subscriptions/listen", {"notifications": {"resourceSubscriptions": [uri]}})
    next_of(modern, "notifications/subscriptions/acknowledged")
    file.write_text("after")
    assert next_of(legacy, UPDATED) == {"uri": uri}
    assert next_of(modern, UPDATED) == {"uri": uri, "_meta": {TAG: 1}}
    modern.close()
    assert server.request("DELETE", "/mcp", mcp_session_id=session).status in (200, 204)
