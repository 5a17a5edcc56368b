"""Changes and the ways back from them where several principals share a server."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration
Start = Callable[..., Any]
Json = dict[str, Any]


class Caller:
    """One principal with a session of its own."""

    def __init__(self, server: Any, request_body: Start, call_body: Start, token: str) -> None:
        self._server, self._call_body = server, call_body
        self._fields = {"authorization": f"Bearer {token}"}
        hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
        opened = server.post(request_body("initialize", hello), **self._fields)
        self._fields["mcp_session_id"] = opened.headers["mcp-session-id"]

    def call(self, tool: str, **arguments: object) -> Json:
        reply = self._server.post(self._call_body(tool, **arguments), **self._fields)
        assert reply.status == 200, (reply.status, reply.body)
        result: Json = reply.json["result"]
        return result

    def code(self, tool: str, **arguments: object) -> str:
        result = self.call(tool, **arguments)
        return str(result["structuredContent"]["error"]["code"]) if result.get("isError") else "ok"

    def status(self, tool: str, **arguments: object) -> int:
        return int(self._server.post(self._call_body(tool, **arguments), **self._fields).status)


@pytest.fixture
def callers(
    start_http: Start, issuer: Any, request_body: Start, call_body: Start, tree: Path
) -> Callable[..., dict[str, Caller]]:
    def start(**variables: str) -> dict[str, Caller]:
        tree.chmod(0o777)
        issuer.name = issuer.address.removesuffix("/keys")
        given = {"FILEWARDEN_HTTP_ISSUER": issuer.name, "FILEWARDEN_HTTP_JWKS_URL": issuer.address, **variables}
        server = start_http("--allow-write", **given)
        issuer.resource = f"{server.url}/mcp"
        tokens = {
            "ann": issuer.token(sub="ann", scope="files:read files:write"),
            "bob": issuer.token(sub="bob", scope="files:read files:write"),
            "eve": issuer.token(sub="eve"),
        }
        return {name: Caller(server, request_body, call_body, token) for name, token in tokens.items()}

    return start


def test_a_confirmation_is_for_whoever_was_asked_and_for_once(callers: Start, tree: Path) -> None:
    found = callers(FILEWARDEN_WRITES_CONFIRM="destructive")
    ann, bob = found["ann"], found["bob"]
    asked = ann.call("delete_file", path="notes.txt")["structuredContent"]["error"]
    assert asked["code"] == "confirmation_required"
    token = asked["confirmation_token"]
    assert bob.code("delete_file", path="notes.txt", confirmation_token=token) == "invalid_argument"
    assert ann.code("delete_file", path="README.md", confirmation_token=token) == "invalid_argument"
    assert ann.code("delete_file", path="notes.txt", permanent=True, confirmation_token=token) == "invalid_argument"
    assert ann.code("move_file", source="notes.txt", destination="x", confirmation_token=token) == "invalid_argument"
    assert (tree / "notes.txt").exists()
    assert ann.code("delete_file", path="notes.txt", confirmation_token=token) == "ok"
    (tree / "notes.txt").write_text("another")
    assert ann.code("delete_file", path="notes.txt", confirmation_token=token) == "invalid_argument"
    assert (tree / "notes.txt").exists()


def test_changes_are_told_to_whoever_may_write_and_say_whose_they_are(callers: Start, tree: Path) -> None:
    found = callers()
    ann, bob, eve = found["ann"], found["bob"], found["eve"]
    ann.call("write_file", path="new.txt", content="hers")
    deleted = ann.call("delete_file", path="notes.txt")["structuredContent"]["trash_id"]
    listed = bob.call("list_changes")["structuredContent"]["changes"]
    assert [change["path"] for change in listed] == ["notes.txt", "new.txt"]
    (hers,) = {change["principal"] for change in listed}
    for tool, arguments in (
        ("list_changes", {}),
        ("undo_change", {"id": listed[1]["id"]}),
        ("restore_deleted", {}),
        ("restore_deleted", {"trash_id": deleted}),
    ):
        assert eve.status(tool, **arguments) == 403, tool
    assert (tree / "new.txt").exists()
    assert not (tree / "notes.txt").exists()
    assert bob.code("undo_change", id=listed[1]["id"]) == "ok"
    assert not (tree / "new.txt").exists()
    (undo, *_) = ann.call("list_changes")["structuredContent"]["changes"]
    assert undo["undoes"] == listed[1]["id"]
    assert undo["principal"] != hers


def test_a_cursor_of_changes_is_for_whoever_got_it(callers: Start) -> None:
    found = callers(FILEWARDEN_LIMITS_MAX_ANSWER_CHARS="1000")
    for number in range(8):
        found["ann"].call("write_file", path=f"new{number}", content="x")
    cursor = found["ann"].call("list_changes")["structuredContent"]["next_cursor"]
    assert found["bob"].code("list_changes", cursor=cursor) == "invalid_argument"
    assert found["ann"].code("list_changes", path="new1", cursor=cursor) == "invalid_argument"
    assert found["ann"].code("restore_deleted", cursor=cursor) == "invalid_argument"
    assert found["ann"].code("list_changes", cursor=cursor) == "ok"


@pytest.mark.parametrize(("setting", "limit"), [("MAX_FILES_PER_MINUTE", "2"), ("MAX_BYTES_PER_MINUTE", "25")])
def test_what_one_principal_may_write_in_a_minute_is_not_spent_by_another(
    callers: Start, tree: Path, setting: str, limit: str
) -> None:
    found = callers(**{f"FILEWARDEN_WRITES_{setting}": limit})
    for name in ("ann", "bob"):
        for number in range(2):
            assert found[name].code("write_file", path=f"{name}{number}", content="1234567890") == "ok", name
    for name in ("ann", "bob"):
        error = found[name].call("write_file", path=f"{name}2", content="1234567890")["structuredContent"]["error"]
        assert (error["code"], error["budget"]) == ("overloaded", f"writes.{setting.lower()}")
        assert not (tree / f"{name}2").exists()
