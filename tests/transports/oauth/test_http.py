"""A real server that takes a real issuer's tokens."""

import asyncio
import contextlib
import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp.client.client import Client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

pytestmark = [
    pytest.mark.integration,
    # The official client uses what it has deprecated itself.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
WELL_KNOWN = "/.well-known/oauth-protected-resource"
Start = Callable[..., Any]


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@pytest.fixture
def guarded(start_http: Start, issuer: Any) -> Any:
    """A server that fetches the issuer's keys over HTTP."""
    issuer.name = issuer.address.removesuffix("/keys")
    server = start_http(FILEWARDEN_HTTP_ISSUER=issuer.name, FILEWARDEN_HTTP_JWKS_URL=issuer.address)
    issuer.resource = f"{server.url}/mcp"
    return server


def test_every_way_in_asks_for_a_token_of_the_issuer(guarded: Any, issuer: Any, request_body: Start) -> None:
    metadata = f'resource_metadata="{guarded.url}{WELL_KNOWN}/mcp"'
    body = request_body("initialize", {})
    for method, path in (("POST", "/mcp"), ("DELETE", "/mcp"), ("GET", "/sse"), ("POST", "/message?session_id=x")):
        sent = body if method == "POST" else None
        missing = guarded.request(method, path, sent, authorization="")
        assert missing.status == 401
        assert missing.headers["www-authenticate"] == f'Bearer realm="mcp", scope="files:read", {metadata}'
        local = guarded.request(method, path, sent)
        assert local.status == 401
        assert 'error="invalid_token"' in local.headers["www-authenticate"]
        weak = guarded.request(method, path, sent, **bearer(issuer.token(scope="profile")))
        if path.startswith("/message"):
            assert weak.status == 404
        else:
            assert weak.status == 403
            assert 'error="insufficient_scope", scope="files:read"' in weak.headers["www-authenticate"]
            assert metadata in weak.headers["www-authenticate"]
    assert guarded.request("POST", f"/mcp?access_token={issuer.token()}", body, authorization="").status == 401
    query = guarded.request("POST", f"/mcp?access_token={issuer.token()}", body, **bearer(issuer.token()))
    assert query.status == 400
    assert 'error="invalid_request"' in query.headers["www-authenticate"]


def test_the_pages_are_for_the_local_token(guarded: Any, issuer: Any) -> None:
    assert guarded.get("/status").status == 200
    assert guarded.get("/status", **bearer(issuer.token())).status == 401
    assert "root" in guarded.get("/health").json
    assert "root" not in guarded.get("/health", **bearer(issuer.token())).json


def test_clients_learn_the_issuer_without_a_token(guarded: Any, issuer: Any) -> None:
    for path in (WELL_KNOWN, f"{WELL_KNOWN}/mcp"):
        reply = guarded.get(path, authorization="")
        assert reply.status == 200
        assert reply.headers["content-type"] == "application/json"
        assert reply.json["resource"] == f"{guarded.url}/mcp"
        assert reply.json["authorization_servers"] == [issuer.name]
        assert reply.json["scopes_supported"] == ["files:read"]
        assert guarded.get(path, authorization="", host="evil.example").status == 421
        assert guarded.post({}, authorization="").status == 401
        assert guarded.request("POST", path, {}, authorization="").status == 405


def test_without_an_issuer_there_is_nothing_to_learn(http: Any) -> None:
    assert http.get(WELL_KNOWN, authorization="").status == 404


def test_a_session_is_for_whoever_opened_it(guarded: Any, issuer: Any, request_body: Start) -> None:
    ann, bob = bearer(issuer.token()), bearer(issuer.token(sub="bob"))
    client = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test"}}
    session = guarded.post(request_body("initialize", client), **ann).headers["mcp-session-id"]
    ping = request_body("ping", request_id="p")
    unknown = guarded.post(ping, mcp_session_id="x" * 43, **bob)
    stolen = guarded.post(ping, mcp_session_id=session, **bob)
    assert stolen.status == unknown.status == 404
    assert stolen.body == unknown.body
    assert guarded.request("DELETE", "/mcp", mcp_session_id=session, **bob).status == 404
    assert guarded.post(ping, mcp_session_id=session, **bearer(issuer.token(client_id="other"))).status == 404
    renewed = bearer(issuer.token(scope="files:write", jti="another token of hers"))
    assert guarded.post(ping, mcp_session_id=session, **renewed).json["result"] == {}
    assert guarded.post(ping, mcp_session_id=session, **bearer(issuer.token(scope=""))).status == 403
    assert guarded.request("DELETE", "/mcp", mcp_session_id=session, **ann).status == 204


def test_a_stream_is_for_whoever_opened_it(guarded: Any, issuer: Any, request_body: Start) -> None:
    ann, bob = bearer(issuer.token()), bearer(issuer.token(sub="bob"))
    connection = http.client.HTTPConnection("127.0.0.1", guarded.port, timeout=20)
    with contextlib.closing(connection):
        connection.request("GET", "/sse", headers={"accept": "text/event-stream", **ann})
        response = connection.getresponse()
        lines = [response.readline().decode() for _ in range(3)]
        path = lines[1].removeprefix("data: ").strip()
        ping = request_body("ping", request_id="p")
        assert guarded.request("POST", path, ping, **bob).status == 404
        assert guarded.request("POST", path, ping, **bearer(issuer.token(scope="x"))).status == 403
        assert guarded.request("POST", path, ping, **ann).status == 202
        assert response.readline() == b"event: message\n"
        assert json.loads(response.readline().removeprefix(b"data: "))["id"] == "p"
        response.close()


def test_a_cursor_is_for_whoever_got_it(guarded: Any, issuer: Any, request_body: Start, tree: Path) -> None:
    for number in range(400):
        (tree / f"{number:0250}").touch()

    def listed(who: dict[str, str], **arguments: str) -> Any:
        client = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test"}}
        session = guarded.post(request_body("initialize", client), **who).headers["mcp-session-id"]
        call = request_body("tools/call", {"name": "list_directory", "arguments": arguments})
        return guarded.post(call, mcp_session_id=session, **who).json["result"]

    ann, bob = bearer(issuer.token()), bearer(issuer.token(sub="bob"))
    cursor = listed(ann)["structuredContent"]["next_cursor"]
    assert not listed(ann, cursor=cursor).get("isError")
    assert listed(bob, cursor=cursor)["structuredContent"]["error"]["code"] == "invalid_argument"


def test_hostile_tokens_get_nowhere(guarded: Any, issuer: Any, request_body: Start) -> None:
    body = request_body("initialize", {})
    hostile = {
        "none": issuer.unsigned(),
        "public key as secret": issuer.confused(),
        "for another": issuer.token(aud="https://other.example/mcp"),
        "by another": issuer.token(iss="https://other.example"),
        "expired": issuer.token(exp_in=-60),
        "future": issuer.token(nbf_in=600),
        "unknown key": issuer.token(header={"kid": "unknown"}),
        "wrong key": issuer.token("es", header={"kid": "rs"}),
        "huge": issuer.token(padding="x" * 30_000),
        "garbage": "garbage",
    }
    before = len(issuer.requests)
    for name, token in hostile.items():
        reply = guarded.post(body, **bearer(token))
        assert reply.status == 401, name
        assert 'error="invalid_token"' in reply.headers["www-authenticate"], name
        assert token not in reply.body.decode()
    assert guarded.post(body, **bearer("x" * 70_000)).status == 431
    for number in range(20):
        assert guarded.post(body, **bearer(issuer.token(header={"kid": f"unknown-{number}"}))).status == 401
    assert len(issuer.requests) - before <= 2
    assert guarded.post(body, **bearer(issuer.token())).status == 200
    assert issuer.token() not in guarded.errors
    assert guarded.process.poll() is None


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_the_official_client_over_streamable_http(guarded: Any, issuer: Any, mode: str) -> None:
    async def main() -> None:
        async with (
            httpx2.AsyncClient(headers=bearer(issuer.token("ed")), timeout=20) as web,
            Client(streamable_http_client(f"{guarded.url}/mcp", http_client=web), mode=mode) as client,
        ):
            assert "README.md" in str((await client.call_tool("list_directory", {"path": "."})).content)

    asyncio.run(asyncio.wait_for(main(), 30))


def test_the_official_client_over_sse(guarded: Any, issuer: Any) -> None:
    async def main() -> None:
        async with Client(
            sse_client(f"{guarded.url}/sse", headers=bearer(issuer.token("es"))), mode="legacy"
        ) as client:
            assert "README.md" in str((await client.call_tool("list_directory", {"path": "."})).content)

    asyncio.run(asyncio.wait_for(main(), 30))


@pytest.fixture
def keys_file(tmp_path: Path, issuer: Any) -> Path:
    """The issuer's keys in a folder of their own, which everybody may enter as far as the parents allow."""
    folder = tmp_path / "issuer"
    folder.mkdir(mode=0o755)
    file = folder / "keys.json"
    file.write_bytes(issuer.published())
    file.chmod(0o644)
    return file


def test_keys_in_a_file_are_read_again_when_it_is_replaced(
    start_http: Start, issuer: Any, keys_file: Path, request_body: Start
) -> None:
    if os.geteuid() == 0:  # the account that the server becomes must be able to enter
        for parent in keys_file.parents:
            if str(parent).startswith("/tmp/"):
                parent.chmod(parent.stat().st_mode | 0o011)
    server = start_http(
        FILEWARDEN_HTTP_ISSUER=issuer.name,
        FILEWARDEN_HTTP_JWKS_FILE=str(keys_file),
        FILEWARDEN_HTTP_RESOURCE=issuer.resource,
    )
    let_in = 400  # for there is no session that it would be in
    old, new = bearer(issuer.token("es")), {"authorization": ""}

    def wait_for(status: int) -> None:
        give_up_at = time.monotonic() + 10
        while server.post(request_body("ping"), **new).status != status:
            assert time.monotonic() < give_up_at, server.errors
            threading.Event().wait(0.05)

    assert server.post(request_body("ping"), **old).status == let_in
    assert server.get(WELL_KNOWN, authorization="").json["resource"] == issuer.resource
    issuer.add("new", "ES256")
    del issuer.keys["es"]
    new = bearer(issuer.token("new"))
    draft = keys_file.with_suffix(".new")
    draft.write_bytes(issuer.published())
    draft.chmod(0o644)
    draft.rename(keys_file)
    wait_for(let_in)
    assert server.post(request_body("ping"), **old).status == 401
    keys_file.unlink()
    wait_for(503)
    give_up_at = time.monotonic() + 5
    while "the issuer's keys cannot be read" not in server.errors:
        assert time.monotonic() < give_up_at
        threading.Event().wait(0.05)


def test_servers_with_the_same_sealing_keys_take_each_others_cursors(
    start_http: Start, tree: Path, tmp_path: Path, request_body: Start
) -> None:
    for number in range(400):
        (tree / f"{number:0250}").touch()
    secrets = tmp_path / "sealing-keys"
    secrets.write_text("bm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm4=\n")
    secrets.chmod(0o600)
    first, second = (start_http(FILEWARDEN_HTTP_SEALING_KEYS_FILE=str(secrets)) for _ in range(2))
    stranger = start_http()

    def listed(server: Any, **arguments: str) -> Any:
        call = request_body("tools/call", {"name": "list_directory", "arguments": arguments})
        return server.post(call, mcp_session_id=server.open_session()).json["result"]

    cursor = listed(first)["structuredContent"]["next_cursor"]
    assert not listed(second, cursor=cursor).get("isError")
    assert listed(stranger, cursor=cursor)["isError"]


def refused(tree: Path, environ: dict[str, str], **variables: str) -> str:
    code = "from filewarden.transports.cli import main; raise SystemExit(main())"
    done = subprocess.run(
        [sys.executable, "-c", code, "serve", str(tree), "--http", "--port", "0"],
        env={**environ, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "cannot be read"), ("[]", "no JWK set"), ('{"keys": []}', "no public key")],
)
def test_a_file_without_usable_keys_does_not_start(
    tree: Path, environ: dict[str, str], tmp_path: Path, content: str | None, reason: str
) -> None:
    file = tmp_path / "keys.json"
    if content is not None:
        file.write_text(content)
    given = {"FILEWARDEN_HTTP_ISSUER": "https://issuer.example", "FILEWARDEN_HTTP_JWKS_FILE": str(file)}
    text = refused(tree, environ, **given)
    assert "http.jwks_file" in text
    assert reason in text
