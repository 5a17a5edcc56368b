"""Changes of resources reach whoever asked, in the way of each era, through a real watcher."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration

Json = dict[str, Any]
Start = Callable[..., Any]
ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
TAG = "io.modelcontextprotocol/subscriptionId"
SEEN_WITHIN_S = 20.0


def next_of(server: Any, method: str) -> Json:
    """The params of the next notification of a method; there is nothing but notifications before it."""
    give_up_at = time.monotonic() + SEEN_WITHIN_S
    while True:
        message = server.receive(max(0.01, give_up_at - time.monotonic()))
        assert "id" not in message, message
        if message["method"] == method:
            params: Json = message.get("params", {})
            return params


def change(tree: Path, server: Any, name: str, method: str = "notifications/resources/updated") -> Json:
    """Put a file in place as editors do: that is one event, where a write to what is there may be two."""
    made = tree.parent / "made"
    made.write_text(f"{time.monotonic_ns()}")
    made.replace(tree / name)
    return next_of(server, method)


# The legacy era


@pytest.fixture
def legacy(start_server: Start) -> Any:
    server = start_server()
    server.initialize("2025-11-25")
    return server


def test_a_legacy_client_hears_of_what_it_subscribed_and_of_nothing_else(legacy: Any, tree: Path) -> None:
    uri = (tree / "notes.txt").resolve().as_uri()
    other = (tree / "README.md").resolve().as_uri()
    assert legacy.request("resources/subscribe", {"uri": uri})["result"] == {}
    assert legacy.request("resources/subscribe", {"uri": uri})["result"] == {}
    (tree / "README.md").write_text("not asked for")
    assert change(tree, legacy, "notes.txt") == {"uri": uri}
    assert legacy.request("resources/subscribe", {"uri": other})["result"] == {}
    assert legacy.request("resources/unsubscribe", {"uri": uri})["result"] == {}
    assert legacy.request("resources/unsubscribe", {"uri": uri})["result"] == {}
    (tree / "notes.txt").write_text("not asked for any more")
    assert change(tree, legacy, "README.md") == {"uri": other}


def test_what_cannot_be_watched_is_refused(start_server: Start, tree: Path, tmp_path: Path) -> None:
    config = tmp_path / "filewarden.toml"
    config.write_text(f'[[roots]]\npath = "{tree}"\ndeny = ["data"]\n')
    config.chmod(0o600)
    server = start_server("--config", str(config), roots=())
    server.initialize("2025-11-25")
    base = tree.resolve().as_uri()
    for uri in (f"{base}/none", f"{base}/data/sample.json", f"{base}/../x", "file:///etc/passwd", "https://a.test", ""):
        error = server.request("resources/subscribe", {"uri": uri})["error"]
        assert error == {"code": -32002, "message": "Resource not found", "data": {"uri": uri}}
    assert server.request("resources/subscribe", {})["error"]["code"] == -32602


def test_no_more_is_watched_than_is_allowed(legacy: Any, tree: Path) -> None:
    base = tree.resolve().as_uri()
    for first in range(0, 256, 32):
        numbers = range(first, first + 32)
        for number in numbers:
            (tree / f"f{number}").touch()
        sent = [legacy.send("resources/subscribe", {"uri": f"{base}/f{number}"}) for number in numbers]
        answers = [legacy.answer(each) for each in sent]
        assert not [each for each in answers if "error" in each]
    last = legacy.request("resources/subscribe", {"uri": f"{base}/notes.txt"})["error"]
    assert last["data"]["code"] == "overloaded"


def test_a_legacy_client_that_listed_hears_when_the_list_changes(legacy: Any, tree: Path) -> None:
    legacy.request("resources/list")
    give_up_at = time.monotonic() + SEEN_WITHIN_S
    number = 0
    while legacy.lines.empty():  # the watcher begins a moment after the list
        assert time.monotonic() < give_up_at
        number += 1
        (tree / f"new{number}").touch()
        threading.Event().wait(0.02)  # an answer would be waited for beside the news, which would be lost
    assert next_of(legacy, "notifications/resources/list_changed") == {}


# The modern era


@pytest.fixture
def modern(start_server: Start) -> Any:
    return start_server()


def listen(server: Any, **wanted: object) -> tuple[int, Json]:
    """The id of the subscription, and what of it is honoured."""
    number = server.send("subscriptions/listen", {"_meta": ENVELOPE, "notifications": wanted})
    params = next_of(server, "notifications/subscriptions/acknowledged")
    assert params["_meta"] == {TAG: number}
    honoured: Json = params["notifications"]
    return number, honoured


def test_a_modern_client_listens_to_resources_and_lists(modern: Any, tree: Path) -> None:
    base = tree.resolve().as_uri()
    uris = [f"{base}/notes.txt", f"{base}/none", "file:///etc/passwd", f"{base}/src", f"{base}/notes.txt", "x"]
    number, honoured = listen(modern, resourceSubscriptions=uris, resourcesListChanged=True, toolsListChanged=True)
    assert honoured == {
        "resourceSubscriptions": [uris[0], uris[3]],
        "resourcesListChanged": True,
        "toolsListChanged": True,
    }
    tagged = {"_meta": {TAG: number}}
    assert change(tree, modern, "notes.txt") == {"uri": uris[0], **tagged}
    assert change(tree, modern, "src/new.py") == {"uri": uris[3], **tagged}
    assert change(tree, modern, "new.txt", "notifications/resources/list_changed") == tagged
    other, honoured = listen(modern, resourceSubscriptions=[f"{base}/README.md"])
    assert honoured == {"resourceSubscriptions": [f"{base}/README.md"]}
    assert change(tree, modern, "README.md") == {"uri": f"{base}/README.md", "_meta": {TAG: other}}
    modern.notify("notifications/cancelled", {"requestId": number})
    (tree / "notes.txt").write_text("nobody listens")
    assert change(tree, modern, "README.md")["_meta"] == {TAG: other}


def test_a_change_right_after_the_acknowledgement_is_told(modern: Any, tree: Path) -> None:
    for round_ in range(5):
        uri = (tree / "notes.txt").resolve().as_uri()
        number, _ = listen(modern, resourceSubscriptions=[uri])
        (tree / "notes.txt").write_text(f"round {round_}")
        assert next_of(modern, "notifications/resources/updated")["_meta"] == {TAG: number}
        modern.notify("notifications/cancelled", {"requestId": number})


def test_there_are_no_more_than_sixteen_subscriptions(modern: Any) -> None:
    for _ in range(16):
        listen(modern, toolsListChanged=True)
    refused = modern.request("subscriptions/listen", {"_meta": ENVELOPE, "notifications": {}})
    assert refused["error"]["code"] == -32602


def test_a_server_that_stops_ends_its_subscriptions(modern: Any, tree: Path) -> None:
    uri = (tree / "notes.txt").resolve().as_uri()
    number, _ = listen(modern, resourceSubscriptions=[uri])
    modern.process.terminate()
    assert next_of(modern, "notifications/cancelled")["requestId"] == number
    ended = modern.receive()
    assert ended["id"] == number
    assert ended["result"]["_meta"][TAG] == number
    assert modern.finish() == 0
