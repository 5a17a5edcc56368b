"""A real server that takes a real issuer's tokens."""

import asyncio
import contextlib
import http.client
import json
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.client.client import Client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

from filewarden.transports.http.oauth.protection import FETCH_PAUSE_S
from filewarden.transports.http.oauth.token import LEEWAY_S

pytestmark = [
    pytest.mark.integration,
    # The official client uses what it has deprecated itself.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
WRITING = (str(Path(__file__).parents[3] / "pools" / "build" / "server.py"),)
WELL_KNOWN = "/.well-known/oauth-protected-resource"
Start = Callable[..., Any]


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@pytest.fixture(scope="module")
def guarded(start_shared_http: Start, fetched_issuer: Any) -> Any:
    """One server for most tests, which fetches the keys of `fetched_issuer` over HTTP."""
    server = start_shared_http(
        FILEWARDEN_HTTP_ISSUER=fetched_issuer.name,
        FILEWARDEN_HTTP_JWKS_URL=fetched_issuer.address,
        FILEWARDEN_LIMITS_MAX_ANSWER_CHARS="1000",
    )
    fetched_issuer.resource = f"{server.url}/mcp"
    return server


def test_every_way_in_asks_for_a_token_of_the_issuer(guarded: Any, fetched_issuer: Any, request_body: Start) -> None:
    metadata = f'resource_metadata="{guarded.url}{WELL_KNOWN}/mcp"'
    body = request_body("initialize", {})
    ways = [("POST", "/mcp"), ("GET", "/mcp"), ("DELETE", "/mcp"), ("GET", "/sse"), ("POST", "/message?session_id=x")]
    for method, path in ways:
        sent = body if method == "POST" else None
        missing = guarded.request(method, path, sent, authorization="")
        assert missing.status == 401
        assert missing.headers["www-authenticate"] == f'Bearer realm="mcp", scope="files:read", {metadata}'
        local = guarded.request(method, path, sent)
        assert local.status == 401
        assert 'error="invalid_token"' in local.headers["www-authenticate"]
        weak = guarded.request(method, path, sent, **bearer(fetched_issuer.token(scope="profile")))
        if path.startswith("/message"):
            assert weak.status == 404
        else:
            assert weak.status == 403
            assert 'error="insufficient_scope", scope="files:read"' in weak.headers["www-authenticate"]
            assert metadata in weak.headers["www-authenticate"]
    assert guarded.request("POST", f"/mcp?access_token={fetched_issuer.token()}", body, authorization="").status == 401
    query = guarded.request(
        "POST", f"/mcp?access_token={fetched_issuer.token()}", body, **bearer(fetched_issuer.token())
    )
    assert query.status == 400
    assert 'error="invalid_request"' in query.headers["www-authenticate"]


def test_the_pages_are_for_the_local_token(guarded: Any, fetched_issuer: Any) -> None:
    assert f"Clients bring access tokens of {fetched_issuer.name};" in guarded.errors
    assert guarded.get("/status").status == 200
    assert guarded.get("/status", **bearer(fetched_issuer.token())).status == 401
    assert "root" in guarded.get("/health").json
    assert "root" not in guarded.get("/health", **bearer(fetched_issuer.token())).json


def test_clients_learn_the_issuer_without_a_token(guarded: Any, fetched_issuer: Any) -> None:
    for path in (WELL_KNOWN, f"{WELL_KNOWN}/mcp"):
        reply = guarded.get(path, authorization="")
        assert reply.status == 200
        assert reply.headers["content-type"] == "application/json"
        assert reply.json["resource"] == f"{guarded.url}/mcp"
        assert reply.json["authorization_servers"] == [fetched_issuer.name]
        assert reply.json["scopes_supported"] == ["files:read"]
        assert guarded.get(path, authorization="", host="evil.example").status == 421
        assert guarded.post({}, authorization="").status == 401
        assert guarded.request("POST", path, {}, authorization="").status == 405


def test_without_an_issuer_there_is_nothing_to_learn(http: Any) -> None:
    assert http.get(WELL_KNOWN, authorization="").status == 404


def test_a_session_is_for_whoever_opened_it(guarded: Any, fetched_issuer: Any, request_body: Start) -> None:
    ann, bob = bearer(fetched_issuer.token()), bearer(fetched_issuer.token(sub="bob"))
    client = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test"}}
    session = guarded.post(request_body("initialize", client), **ann).headers["mcp-session-id"]
    ping = request_body("ping", request_id="p")
    unknown = guarded.post(ping, mcp_session_id="x" * 43, **bob)
    stolen = guarded.post(ping, mcp_session_id=session, **bob)
    assert stolen.status == unknown.status == 404
    assert stolen.body == unknown.body
    assert guarded.request("DELETE", "/mcp", mcp_session_id=session, **bob).status == 404
    assert guarded.request("GET", "/mcp", mcp_session_id=session, **bob).status == 404
    assert guarded.request("GET", "/mcp", mcp_session_id=session, last_event_id="0-0", **bob).status == 404
    assert guarded.post(ping, mcp_session_id=session, **bearer(fetched_issuer.token(client_id="other"))).status == 404
    renewed = bearer(fetched_issuer.token(scope="files:write", jti="another token of hers"))
    assert guarded.post(ping, mcp_session_id=session, **renewed).json["result"] == {}
    assert guarded.post(ping, mcp_session_id=session, **bearer(fetched_issuer.token(scope=""))).status == 403
    assert guarded.request("DELETE", "/mcp", mcp_session_id=session, **ann).status == 204


def test_a_stream_is_for_whoever_opened_it(guarded: Any, fetched_issuer: Any, request_body: Start) -> None:
    ann, bob = bearer(fetched_issuer.token()), bearer(fetched_issuer.token(sub="bob"))
    connection = http.client.HTTPConnection("127.0.0.1", guarded.port, timeout=20)
    with contextlib.closing(connection):
        connection.request("GET", "/sse", headers={"accept": "text/event-stream", **ann})
        response = connection.getresponse()
        lines = [response.readline().decode() for _ in range(3)]
        path = lines[1].removeprefix("data: ").strip()
        ping = request_body("ping", request_id="p")
        assert guarded.request("POST", path, ping, **bob).status == 404
        assert guarded.request("POST", path, ping, **bearer(fetched_issuer.token(scope="x"))).status == 403
        assert guarded.request("POST", path, ping, **ann).status == 202
        assert response.readline() == b"event: message\n"
        assert json.loads(response.readline().removeprefix(b"data: "))["id"] == "p"
        response.close()


def test_a_stream_ends_with_the_token_that_opened_it(guarded: Any, fetched_issuer: Any) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", guarded.port, timeout=20)
    with contextlib.closing(connection):
        headers = {"accept": "text/event-stream", **bearer(fetched_issuer.token(exp_in=4 - LEEWAY_S))}
        connection.request("GET", "/sse", headers=headers)
        response = connection.getresponse()
        assert response.status == 200
        assert response.readline() == b"event: endpoint\n"
        with contextlib.suppress(http.client.IncompleteRead, ConnectionError):
            response.read()  # until the server ends it
        response.close()
    guarded.wait_for_status(lambda status: status["clients"]["sse"] == 0)


def test_a_token_expires_on_a_connection_that_stays_open(
    guarded: Any, fetched_issuer: Any, request_body: Start
) -> None:
    body = json.dumps(request_body("ping"))  # without a session, which a server that others use has not many of
    token = fetched_issuer.token(exp_in=3 - LEEWAY_S)
    request = (
        f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{guarded.port}\r\nAuthorization: Bearer {token}\r\n"
        "Accept: application/json, text/event-stream\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()
    found, give_up_at = [0], time.monotonic() + 20
    with socket.create_connection(("127.0.0.1", guarded.port), timeout=20) as connection:
        while found[-1] != 401 and time.monotonic() < give_up_at:
            connection.sendall(request)  # in one piece, as what is answered without being parsed has to come
            response = http.client.HTTPResponse(connection)
            response.begin()
            response.read()
            found.append(response.status)
    assert found[1:3] == [400, 400]
    assert set(found[1:-1]) <= {400, 503}
    assert found[-1] == 401


def test_a_cursor_is_for_whoever_got_it(guarded: Any, fetched_issuer: Any, request_body: Start) -> None:
    for number in range(20):
        (guarded.root / f"{number:0100}").touch()

    def listed(who: dict[str, str], **arguments: str) -> Any:
        client = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test"}}
        session = guarded.post(request_body("initialize", client), **who).headers["mcp-session-id"]
        call = request_body("tools/call", {"name": "list_directory", "arguments": arguments})
        return guarded.post(call, mcp_session_id=session, **who).json["result"]

    ann, bob = bearer(fetched_issuer.token()), bearer(fetched_issuer.token(sub="bob"))
    cursor = listed(ann)["structuredContent"]["next_cursor"]
    assert not listed(ann, cursor=cursor).get("isError")
    assert listed(bob, cursor=cursor)["structuredContent"]["error"]["code"] == "invalid_argument"


def test_hostile_tokens_get_nowhere(guarded: Any, fetched_issuer: Any, request_body: Start) -> None:
    body = request_body("initialize", {})
    hostile = {
        "none": fetched_issuer.unsigned(),
        "public key as secret": fetched_issuer.confused(),
        "for another": fetched_issuer.token(aud="https://other.example/mcp"),
        "by another": fetched_issuer.token(iss="https://other.example"),
        "expired": fetched_issuer.token(exp_in=-60),
        "future": fetched_issuer.token(nbf_in=600),
        "unknown key": fetched_issuer.token(header={"kid": "unknown"}),
        "wrong key": fetched_issuer.token("es", header={"kid": "rs"}),
        "huge": fetched_issuer.token(padding="x" * 30_000),
        "garbage": "garbage",
    }
    before, began = len(fetched_issuer.requests), time.monotonic()
    for name, token in hostile.items():
        reply = guarded.post(body, **bearer(token))
        assert reply.status == 401, name
        assert 'error="invalid_token"' in reply.headers["www-authenticate"], name
        assert token not in reply.body.decode()
        assert token == "garbage" or token not in guarded.errors
    assert guarded.post(body, **bearer("x" * 70_000)).status == 431
    for number in range(20):
        unknown = fetched_issuer.token(header={"kid": f"unknown-{number}"})
        assert guarded.post(body, **bearer(unknown)).status == 401
    pauses = (time.monotonic() - began) / FETCH_PAUSE_S
    assert len(fetched_issuer.requests) - before <= 1 + pauses
    assert guarded.post(body, **bearer(fetched_issuer.token())).status == 200
    assert guarded.process.poll() is None


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_the_official_client_over_streamable_http(guarded: Any, fetched_issuer: Any, mode: str) -> None:
    async def main() -> None:
        async with (
            httpx2.AsyncClient(headers=bearer(fetched_issuer.token("ed")), timeout=20) as web,
            Client(streamable_http_client(f"{guarded.url}/mcp", http_client=web), mode=mode) as client,
        ):
            assert "My Project" in str((await client.call_tool("read_file", {"path": "README.md"})).content)

    asyncio.run(asyncio.wait_for(main(), 30))


def test_the_official_client_over_sse(guarded: Any, fetched_issuer: Any) -> None:
    async def main() -> None:
        async with Client(
            sse_client(f"{guarded.url}/sse", headers=bearer(fetched_issuer.token("es"))), mode="legacy"
        ) as client:
            assert "My Project" in str((await client.call_tool("read_file", {"path": "README.md"})).content)

    asyncio.run(asyncio.wait_for(main(), 30))


def test_writing_needs_its_scope_and_the_challenge_names_it(
    start_http: Start, issuer: Any, request_body: Start, tree: Path
) -> None:
    tree.chmod(0o777)
    issuer.name = issuer.address.removesuffix("/keys")
    given = {"FILEWARDEN_HTTP_ISSUER": issuer.name, "FILEWARDEN_HTTP_JWKS_URL": issuer.address}
    server = start_http("--allow-write", program=WRITING, **given)
    issuer.resource = f"{server.url}/mcp"
    assert server.get(WELL_KNOWN, authorization="").json["scopes_supported"] == ["files:read", "files:write"]
    reader, writer = bearer(issuer.token()), bearer(issuer.token(scope="files:write"))
    client = {"protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": {"name": "test"}}
    session = server.post(request_body("initialize", client), **reader).headers["mcp-session-id"]
    create = request_body("tools/call", {"name": "create", "arguments": {"path": "new.txt"}})
    look = request_body("tools/call", {"name": "get_file_info", "arguments": {"path": "README.md"}}, request_id=2)
    for body in (create, [look, create]):
        refused = server.post(body, mcp_session_id=session, **reader)
        assert refused.status == 403
        challenge = refused.headers["www-authenticate"]
        assert 'error="insufficient_scope", scope="files:read files:write", resource_metadata=' in challenge
        assert not (tree / "new.txt").exists()
    assert "isError" not in server.post(look, mcp_session_id=session, **reader).json["result"]
    written = server.post(create, mcp_session_id=session, **writer).json["result"]
    assert json.loads(written["content"][0]["text"])["outcome"] == "ok"
    assert (tree / "new.txt").exists()
    assert server.post(create, mcp_session_id=session, **reader).status == 403


class Memory:
    """Where the official client keeps what it was given."""

    tokens: Any = None
    client: Any = None

    async def get_tokens(self) -> Any:
        return self.tokens

    async def set_tokens(self, tokens: Any) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> Any:
        return self.client

    async def set_client_info(self, client_info: Any) -> None:
        self.client = client_info


def test_the_official_client_finds_the_issuer_and_asks_again_for_more(
    start_http: Start, issuer: Any, tree: Path
) -> None:
    tree.chmod(0o777)
    issuer.name = issuer.address.removesuffix("/keys")
    given = {"FILEWARDEN_HTTP_ISSUER": issuer.name, "FILEWARDEN_HTTP_JWKS_URL": issuer.address}
    server = start_http("--allow-write", program=WRITING, **given)
    url = f"{server.url}/mcp"

    async def main() -> None:
        access = ClientCredentialsOAuthProvider(
            url, Memory(), "editor", "secret", "client_secret_post", issuer=issuer.name
        )
        async with (
            httpx2.AsyncClient(auth=access, timeout=20) as web,
            Client(streamable_http_client(url, http_client=web), mode="legacy") as client,
        ):
            assert "cool project" in str((await client.call_tool("read_file", {"path": "README.md"})).content)
            assert '"ok"' in str((await client.call_tool("create", {"path": "new.txt"})).content)

    asyncio.run(asyncio.wait_for(main(), 30))
    assert (tree / "new.txt").exists()
    assert [grant["scope"] for grant in issuer.grants] == ["files:read", "files:read files:write"]
    assert {grant["resource"] for grant in issuer.grants} == {url}


@pytest.fixture
def keys_file(issuer: Any, tmp_path: Path) -> Path:
    """The issuer's keys in a folder of their own, below folders that nobody else may enter."""
    folder = tmp_path / "issuer"
    folder.mkdir()
    folder.chmod(0o755)
    file = folder / "keys.json"
    file.write_bytes(issuer.published())
    file.chmod(0o644)
    return file


def test_keys_in_a_file_are_read_again_when_it_is_replaced(
    start_http: Start, issuer: Any, keys_file: Path, request_body: Start
) -> None:
    server = start_http(
        FILEWARDEN_HTTP_ISSUER=issuer.name,
        FILEWARDEN_HTTP_JWKS_FILE=str(keys_file),
        FILEWARDEN_HTTP_RESOURCE=issuer.resource,
    )
    let_in = 400  # for there is no session that it would be in
    old, new = bearer(issuer.token("es")), {"authorization": ""}

    def wait_for(status: int) -> None:
        give_up_at = time.monotonic() + 20
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
    give_up_at = time.monotonic() + 20
    while "the issuer's keys cannot be read" not in server.errors:
        assert time.monotonic() < give_up_at
        threading.Event().wait(0.05)


def test_servers_with_the_same_sealing_keys_take_each_others_cursors(
    start_http: Start, tree: Path, tmp_path: Path, request_body: Start
) -> None:
    for number in range(20):
        (tree / f"{number:0100}").touch()
    secrets = tmp_path / "sealing-keys"
    secrets.write_text("bm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm4=\n")
    secrets.chmod(0o600)
    short = {"FILEWARDEN_LIMITS_MAX_ANSWER_CHARS": "1000"}
    first, second = (start_http(FILEWARDEN_HTTP_SEALING_KEYS_FILE=str(secrets), **short) for _ in range(2))
    stranger = start_http(**short)

    def listed(server: Any, **arguments: str) -> Any:
        call = request_body("tools/call", {"name": "list_directory", "arguments": arguments})
        return server.post(call, mcp_session_id=server.open_session()).json["result"]

    cursor = listed(first)["structuredContent"]["next_cursor"]
    assert not listed(second, cursor=cursor).get("isError")
    assert listed(stranger, cursor=cursor)["isError"]


def test_keys_that_lie_in_a_root_are_closed_to_clients(
    start_http: Start, issuer: Any, request_body: Start, tree: Path
) -> None:
    file = tree / "keys.json"
    file.write_bytes(issuer.published())
    file.chmod(0o644)
    server = start_http(
        FILEWARDEN_HTTP_ISSUER=issuer.name,
        FILEWARDEN_HTTP_JWKS_FILE=str(file),
        FILEWARDEN_HTTP_RESOURCE=issuer.resource,
    )
    who = bearer(issuer.token())
    client = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test"}}
    session = server.post(request_body("initialize", client), **who).headers["mcp-session-id"]

    def called(tool: str, path: str) -> Any:
        call = request_body("tools/call", {"name": tool, "arguments": {"path": path}})
        return server.post(call, mcp_session_id=session, **who).json["result"]

    assert called("read_file", "keys.json")["structuredContent"]["error"]["code"] == "access_denied"
    names = [entry["name"] for entry in called("list_directory", ".")["structuredContent"]["entries"]]
    assert "README.md" in names
    assert "keys.json" not in names


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
def test_started_as_root_a_file_that_its_account_cannot_read_is_a_problem(
    start_http: Start, issuer: Any, keys_file: Path
) -> None:
    keys_file.parent.chmod(0o700)
    server = start_http(wait=False, FILEWARDEN_HTTP_ISSUER=issuer.name, FILEWARDEN_HTTP_JWKS_FILE=str(keys_file))
    assert server.process.wait(20) == 2
    assert server.is_listening.wait(10)
    assert "http.jwks_file" in server.errors
    assert "sandbox.user" in server.errors
