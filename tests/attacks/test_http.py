"""Section H: what only HTTP has."""

import contextlib
import json
import re
import socket
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.drivers.busy import BUSY_S

pytestmark = pytest.mark.integration

ROUTES = ("/mcp", "/sse", "/message", "/status", "/health", "/livez", "/readyz")
SMALL_CALL = {"name": "read_file", "arguments": {"path": "small.txt"}}


def call(web: Any) -> bytes:
    frame: bytes = web.frame("tools/call", SMALL_CALL)
    return frame


def head(web: Any, *lines: str, method: str = "POST", path: str = "/mcp", host: str | None = None) -> bytes:
    """The start of a request with the right host and credential, and more lines."""
    fields = [
        f"{method} {path} HTTP/1.1",
        f"Host: {host or f'127.0.0.1:{web.port}'}",
        f"Authorization: Bearer {web.token}",
    ]
    fields += [f"Mcp-Session-Id: {web.session}", "Accept: application/json, text/event-stream", *lines]
    return ("\r\n".join(fields) + "\r\n\r\n").encode("latin-1")


def status_of(reply: bytes) -> int:
    return int(reply.split(b" ", 2)[1]) if reply.startswith(b"HTTP/1.1 ") else 0


@pytest.mark.parametrize("host", ["evil.test", "evil.test:{port}"])
@pytest.mark.parametrize("path", ROUTES)
def test_h01_dns_rebinding(web: Any, path: str, host: str) -> None:
    method = "POST" if path in ("/mcp", "/message") else "GET"
    body = call(web) if method == "POST" else None
    assert web.exchange(body, method, path, host=host.format(port=web.port))[0] == 421


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost.evil.test:{port}", {421}),
        ("127.0.0.1.evil.test:{port}", {421}),
        ("localhost:1@evil", {421}),
        ("LOCALHOST:{port}", {200}),
        ("127.1:{port}", {421}),
        ("0.0.0.0:{port}", {421}),
        ("[::1]:{port}", {200}),
        ("[::ffff:127.0.0.1]:{port}", {421}),
        ("127.0.0.1.:{port}", {421}),
        ("localhost", {421}),
        ("localhost:{port} ", {200, 400, 421}),
        ("localhost:{port}/x", {400, 421}),
        ("localhost:{port},evil", {421}),
        (" ", {400, 421}),
    ],
)
def test_h02_host_variants(web: Any, host: str, expected: set[int]) -> None:
    reply = web.send_bytes(
        head(web, "Connection: close", method="GET", path="/status", host=host.format(port=web.port))
    )
    assert status_of(reply) in expected


def test_h02_missing_two_hosts_and_absolute_form(web: Any) -> None:
    good = f"Host: 127.0.0.1:{web.port}"
    token = f"Authorization: Bearer {web.token}\r\nConnection: close\r\n\r\n"
    requests = [
        f"GET /status HTTP/1.1\r\n{token}",
        f"GET /status HTTP/1.0\r\n{token}",
        f"GET /status HTTP/1.1\r\n{good}\r\nHost: evil.test\r\n{token}",
        f"GET /status HTTP/1.1\r\nHost: evil.test\r\n{good}\r\n{token}",
        f"GET http://evil.test/status HTTP/1.1\r\nHost: evil.test\r\n{token}",
        f"GET http://evil.test/status HTTP/1.1\r\n{good}\r\n{token}",
        f"GET http://evil.test@127.0.0.1:{web.port}/status HTTP/1.1\r\n{good}\r\n{token}",
    ]
    for request in requests:
        assert status_of(web.send_bytes(request.encode())) in (400, 421), request


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.test",
        "null",
        "file://",
        "http://localhost.evil.test",
        "http://localhost:9999",
        "https://127.0.0.1:{port}",
        *["http://127.0.0.1:{port}.evil.test", "http://evil@127.0.0.1:{port}", "http://0.0.0.0:{port}", "*"],
    ],
)
def test_h03_origin(web: Any, origin: str) -> None:
    assert web.exchange(call(web), origin=origin.format(port=web.port))[0] == 403
    assert web.exchange(None, "GET", "/status", origin=origin.format(port=web.port))[0] == 403


def test_h03_two_origins(web: Any) -> None:
    origin = f"Origin: http://127.0.0.1:{web.port}"
    request = head(web, origin, "Origin: http://evil.test", "Connection: close", method="GET", path="/status")
    assert status_of(web.send_bytes(request)) == 403


def test_h04_not_bound_to_all_interfaces(web: Any) -> None:
    import psutil

    found = [each for each in psutil.net_connections("tcp") if each.status == "LISTEN" and each.laddr.port == web.port]
    assert {each.laddr.ip for each in found} == {"127.0.0.1"}


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "",
        "application/jsonx",
        "text/json",
        *["application/json; charset=utf-7", "application/json, text/plain", "application/json;charset=latin-1"],
    ],
)
def test_h05_h06_content_types(web: Any, kind: str) -> None:
    before = web.status()["calls"]["total"]
    assert web.exchange(call(web), content_type=kind)[0] == 415
    assert web.status()["calls"]["total"] == before


def test_h06_two_content_types(web: Any) -> None:
    body = call(web)
    lines = ("Content-Type: application/json", "Content-Type: text/plain", f"Content-Length: {len(body)}")
    assert status_of(web.send_bytes(head(web, *lines, "Connection: close") + body)) in (400, 415)


def test_h07_preflight(web: Any) -> None:
    asks = {"access_control_request_method": "POST", "access_control_request_private_network": "true"}
    for path in ROUTES:
        status, headers, _ = web.exchange(None, "OPTIONS", path, **asks)
        assert status == 405
        assert not any(name.lower().startswith("access-control-") for name in headers)


def test_h08_get_has_no_effect(web: Any) -> None:
    before = web.status()["calls"]["total"]
    for path in ("/mcp?method=tools/call&name=read_file", "/message?session_id=x&method=tools/call"):
        assert web.exchange(None, "GET", path, accept="application/json")[0] in (400, 405, 406)
        assert web.exchange(None, "GET", path, mcp_session_id="")[0] in (400, 405, 406)
    assert web.status()["calls"]["total"] == before


@pytest.mark.parametrize(
    "credential", ["", "Bearer ", "Bearer", "Basic {token}", "bearer x", "{token}", "Bearer {token}x", "Bearer {cut}"]
)
def test_h09_h33_credentials(web: Any, credential: str) -> None:
    authorization = credential.format(token=web.token, cut=web.token[:-1])
    for path in ("/mcp", "/sse", "/message", "/status"):
        method = "POST" if path in ("/mcp", "/message") else "GET"
        status, headers, _ = web.exchange(
            call(web) if method == "POST" else None, method, path, authorization=authorization
        )
        assert status == 401, path
        assert headers["WWW-Authenticate"].startswith("Bearer")


def test_h09_a_token_in_the_query_or_a_long_one(web: Any) -> None:
    assert web.exchange(call(web), path=f"/mcp?token={web.token}&access_token={web.token}", authorization="")[0] == 401
    reply = web.send_bytes(head(web, "Connection: close", method="GET").replace(web.token.encode(), b"x" * 1_000_000))
    assert status_of(reply) == 431


@pytest.mark.alone
@pytest.mark.parametrize("samples", [100, pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.timeout(300)])])
def test_h10_token_timing(web: Any, samples: int) -> None:
    guesses = {length: web.token[:length].ljust(len(web.token), "-") for length in (0, len(web.token) - 1)}
    times: dict[int, list[float]] = {length: [] for length in guesses}
    for _ in range(samples):
        for length, guess in guesses.items():
            begun = time.perf_counter()
            assert web.exchange(None, "GET", "/status", authorization=f"Bearer {guess}")[0] == 401
            times[length].append(time.perf_counter() - begun)
    middle = [statistics.median(seen) for seen in times.values()]
    spread = statistics.median(abs(each - middle[0]) for each in times[0])
    assert abs(middle[0] - middle[1]) < 3 * spread + 100e-6


def test_h11_tokens_never_come_out(web: Any) -> None:
    web.exchange(None, "GET", f"/{web.token}", authorization="Bearer wrong-wrong-wrong")
    web.exchange(call(web), origin=f"http://{web.token}")
    for _, answer in web.traffic:
        assert web.token.encode() not in answer
    assert web.token not in web.errors
    assert "wrong-wrong-wrong" not in web.errors
    assert web.token not in json.dumps(web.status())


@pytest.mark.parametrize("session", ["1", "0", "http-1", "A" * 43, "../x", "null", "x" * 10_000])
def test_h12_h14_session_guess(web: Any, session: str) -> None:
    assert web.exchange(call(web), mcp_session_id=session)[0] == 404
    status, headers, _ = web.exchange(web.frame("initialize", {}), mcp_session_id=session)
    assert status == 404
    assert "Mcp-Session-Id" not in headers
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", web.session)  # 256 bits


def test_h13_session_missing(web: Any) -> None:
    status, _, body = web.exchange(call(web), mcp_session_id="")
    assert status == 400
    assert "result" not in json.loads(body)


def test_h14_session_replayed_after_its_end(web: Any) -> None:
    session = web.exchange(web.frame("initialize", {}), mcp_session_id="")[1]["Mcp-Session-Id"]
    assert web.exchange(call(web), mcp_session_id=session)[0] == 200
    assert web.exchange(None, "DELETE", mcp_session_id=session)[0] == 204
    assert web.exchange(call(web), mcp_session_id=session)[0] == 404
    assert web.exchange(None, "DELETE", mcp_session_id=session)[0] == 404


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.timeout(120)])])
def test_h15_answers_never_cross_clients(web: Any, folder: Path, count: int) -> None:
    for name in "ab":
        (folder / name).write_text(name * 20)
    sessions = {
        name: web.exchange(web.frame("initialize", {}), mcp_session_id="")[1]["Mcp-Session-Id"] for name in "ab"
    }

    def ask(name: str) -> None:
        for number in range(count // 2):
            frame = web.frame(
                "tools/call", {"name": "read_file", "arguments": {"path": f"{folder.name}/{name}"}}, number
            )
            answer = json.loads(web.exchange(frame, mcp_session_id=sessions[name])[2])
            assert answer["id"] == number
            assert answer["result"]["content"][0]["text"] == name * 20

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(ask, "ab"))
    for session in sessions.values():
        web.exchange(None, "DELETE", mcp_session_id=session)


def test_h16_h37_streams_are_not_stolen(web: Any) -> None:
    """A stream is taken over only by its own session, and a message goes only where its stream's secret leads."""
    # Low numbers may be this session's own by now, by the rows before.
    for place in ("0-0x", "0-99999", "99999-0", "1", "", "0-0, 0-0", "99999999999999999999-0"):
        assert web.exchange(None, "GET", "/mcp", last_event_id=place or " ")[0] == 400
    for session in ("", "x", "1"):
        assert web.exchange(None, "GET", "/mcp", last_event_id="0-0", mcp_session_id=session)[0] in (400, 404)
    for session in ("", "x", "1", web.session):
        assert web.exchange(call(web), path=f"/message?session_id={session}")[0] in (400, 404)


def test_h37_h38_the_endpoint_is_relative_and_content_makes_no_event(web: Any, folder: Path) -> None:
    (folder / "m.txt").write_text('\n\ndata: {"jsonrpc":"2.0","id":1}\r\n\rid: 9\nevent: x\n\n', newline="")
    with contextlib.closing(web.open_stream()) as stream:
        endpoint = stream.next()[1]
        assert endpoint.startswith("/message?")
        assert web.exchange(web.frame("initialize", {}, 1), path=endpoint)[0] == 202
        frame = web.frame("tools/call", {"name": "read_file", "arguments": {"path": f"{folder.name}/m.txt"}}, 2)
        assert web.exchange(frame, path=endpoint)[0] == 202
        found: list[dict[str, Any]] = []
        while len(found) < 2:
            line = stream.response.readline()
            assert line.startswith((b"data:", b"event: message", b":")) or not line.strip(), line
            if line.startswith(b"data:"):
                found.append(json.loads(line.partition(b":")[2]))
        assert [each["id"] for each in found] == [1, 2]
    web.wait_for_status(lambda status: status["clients"]["sse"] == 0)


@pytest.mark.parametrize("lines", [("Content-Length: 1000000000",), ("Content-Length: 99999999999999999999999",)])
def test_h21_huge_body_announced(web: Any, lines: tuple[str, ...]) -> None:
    before = web.memory_mb()
    reply = web.send_bytes(head(web, "Content-Type: application/json", *lines, "Connection: close") + b"x" * 100_000)
    assert status_of(reply) in (400, 413)
    assert web.memory_mb() - before < 20


def test_h21_chunked_without_end(web: Any) -> None:
    before = web.memory_mb()
    lines = ("Content-Type: application/json", "Transfer-Encoding: chunked", "Connection: close")
    reply = web.send_bytes(head(web, *lines) + (b"10000\r\n" + b" " * 65536 + b"\r\n") * 300)
    assert status_of(reply) in (0, 413)
    assert web.memory_mb() - before < 60


def test_h21_requests_without_end_and_none_waits_for_its_answer(web: Any) -> None:
    before = web.memory_mb()
    with socket.create_connection(("127.0.0.1", web.port), 5) as connection:
        connection.setblocking(False)
        requests, sent = b"GET / HTTP/1.1\r\n\r\n" * 40_000, 0
        with contextlib.suppress(BlockingIOError):
            while sent < len(requests):
                sent += connection.send(requests[sent:])
        assert sent > 100_000
        assert web.status()["status"] == "ok"
        assert web.memory_mb() - before < 15


def test_h22_compressed_body(web: Any) -> None:
    import gzip

    before = web.status()["calls"]["total"]
    assert web.exchange(gzip.compress(call(web)), content_encoding="gzip")[0] in (400, 415)
    assert web.status()["calls"]["total"] == before


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Content-Length: 5", "Content-Length: 6"),
        ("Content-Length: 5, 6",),
        ("Transfer-Encoding: xchunked",),
        ("Transfer-Encoding: chunked, identity",),
        ("Content-Length: +10",),
        ("Content-Length: 0x10",),
        ("Content-Length : 10",),
        ("Content-Length: -1",),
        ("Content-Length: 1 0",),
        ("X: y\r\n folded: z", "Content-Length: 0"),
        ("X: \0",),
        ("X\0: y",),
    ],
    ids=range(13),
)
def test_h23_request_smuggling(web: Any, lines: tuple[str, ...]) -> None:
    smuggled = head(web, method="GET", path="/status")
    reply = web.send_bytes(head(web, "Content-Type: application/json", *lines) + b"0\r\n\r\n" + smuggled, timeout_s=1.0)
    assert status_of(reply) in (0, 400, 413, 501), reply[:100]
    assert b'"workers"' not in reply  # the second request was not answered


def test_h23_bare_line_feeds_and_long_extensions(web: Any) -> None:
    bare = head(web, "Connection: close", method="GET", path="/status").replace(b"\r\n", b"\n")
    assert status_of(web.send_bytes(bare)) == 400
    lines = ("Content-Type: application/json", "Transfer-Encoding: chunked", "Connection: close")
    reply = web.send_bytes(head(web, *lines) + b"2;" + b"x" * 1_000_000 + b"\r\n{}\r\n0\r\n\r\n")
    assert status_of(reply) in (0, 400, 413, 431)


@pytest.mark.parametrize(
    ("path", "kind", "status"),
    [("/mcp", "application/json", 400), ("/sign-in", "application/x-www-form-urlencoded", 401)],
)
def test_h23_nonsense_behind_a_body_that_is_asked_for_ends_one_connection(
    web: Any, path: str, kind: str, status: int
) -> None:
    lines = (f"Content-Type: {kind}", "Expect: 100-continue", "Content-Length: 3")
    answers = web.send_bytes(head(web, *lines, path=path) + b"abcno request\r\n\r\n")
    assert (status_of(answers), answers.count(b"HTTP/1.1 ")) == (status, 1)
    assert web.status()["status"] == "ok"


def test_h24_header_limits(web: Any) -> None:
    many = [f"X-{number}: y" for number in range(10_000)]
    for lines in (many, ["X: " + "y" * 1_000_000]):
        assert status_of(web.send_bytes(head(web, *lines, method="GET", path="/health"))) == 431
    assert status_of(web.send_bytes(head(web, method="GET", path="/health?" + "x" * 1_000_000))) in (414, 431)


@pytest.mark.parametrize("name", ["mcp_session_id", "mcp_protocol_version", "traceparent", "last_event_id"])
def test_h25_header_injection(web: Any, name: str) -> None:
    field = name.replace("_", "-").title()
    for evil in (b"x\rX-Evil: 1", b"x\r\n X-Evil: 1", b"x\x00", b"%0d%0aX-Evil: 1"):
        body = call(web)
        request = head(web, "Content-Type: application/json", f"Content-Length: {len(body)}", "Connection: close")
        request = request.replace(b"\r\n\r\n", b"\r\n" + field.encode() + b": " + evil + b"\r\n\r\n")
        reply = web.send_bytes(request + body, timeout_s=2.0)
        assert b"\r\nx-evil" not in reply.lower()
        assert reply.count(b"HTTP/1.1 ") <= 1


def test_h26_the_version_header_against_the_session(web: Any) -> None:
    for version in ("2026-07-28", "9999-99-99", "2025-06-18, 2025-06-18", "x" * 1000):
        status, _, body = web.exchange(call(web), mcp_protocol_version=version)
        assert status == 400
        assert "result" not in json.loads(body)


@pytest.mark.parametrize(
    "fields",
    [
        {"x_forwarded_host": "127.0.0.1:1", "host": "evil.test"},
        {"forwarded": "host=localhost", "host": "evil.test"},
        {"x_forwarded_for": "127.0.0.1", "authorization": ""},
        {"x_original_url": "/health", "authorization": ""},
        {"x_http_method_override": "GET", "content_type": "text/plain"},
    ],
)
def test_h28_forwarded_headers(web: Any, fields: dict[str, str]) -> None:
    assert web.exchange(call(web), **fields)[0] in (401, 415, 421)


@pytest.mark.parametrize(
    "path",
    [
        "/mcp/../status",
        "//mcp",
        "//status",
        "/mcp;x",
        "/MCP",
        "/status/",
        "/Status",
        "/./status",
        "/mcp%00",
        "/status%20",
    ],
)
def test_h29_h33_path_tricks(web: Any, path: str) -> None:
    for method in ("GET", "POST", "HEAD"):
        status = web.exchange(call(web) if method == "POST" else None, method, path, authorization="")[0]
        assert status in (400, 401, 404, 405), path
    assert status_of(web.send_bytes(head(web, "Connection: close", method="GET", path="/mcp\0"))) in (400, 404)


def test_h29_an_encoded_path_skips_no_check(web: Any) -> None:
    for path in ("/%6dcp", "/%73tatus", "/s%74atus"):
        assert web.exchange(None, "GET", path, authorization="")[0] in (401, 404, 405)


@pytest.mark.parametrize("path", ["/mcp", "/sse", "/status"])
def test_h31_websocket_upgrade(web: Any, path: str) -> None:
    asks = (
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    )
    for more in ((), ("Origin: http://evil.test",)):
        reply = web.send_bytes(head(web, *asks, *more, method="GET", path=path), timeout_s=0.3)
        assert status_of(reply) != 101
        if more:
            assert status_of(reply) == 403


def test_h32_a_client_that_is_gone_costs_nothing(web: Any) -> None:
    body = web.frame("tools/call", {"name": "search_files", "arguments": {"pattern": "**/*"}})
    lines = ("Content-Type: application/json", f"Content-Length: {len(body)}")
    for _ in range(10):
        with socket.create_connection(("127.0.0.1", web.port), 5) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.sendall(head(web, *lines) + body)
    web.wait_for_status(lambda status: status["pool"]["busy"] == 0 and status["queue"]["depth"] == 0)


def test_h33_open_pages_tell_no_details(web: Any, ground: Any) -> None:
    for path in ("/health", "/livez", "/readyz"):
        status, _, body = web.exchange(None, "GET", path, authorization="")
        assert status == 200
        assert str(ground.root).encode() not in body
        assert len(body) < 100
    for method in ("GET", "HEAD"):
        assert web.exchange(None, method, "/status", authorization="")[0] == 401


def test_h34_h36_answers_are_inert_and_not_kept(web: Any, folder: Path) -> None:
    (folder / "<img src=x onerror=alert(1)>").touch()
    frame = web.frame("tools/call", {"name": "list_directory", "arguments": {"path": folder.name}})
    replies = [web.exchange(frame), *(web.exchange(None, "GET", path) for path in ("/status", "/health", "/no"))]
    for _, headers, _ in replies:
        assert headers["Content-Type"].startswith("application/json")
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "no-store" in headers["Cache-Control"]
        assert "Set-Cookie" not in headers


def test_h35_a_page_of_another_site_reads_and_does_nothing(web: Any) -> None:
    """A form, an image, a frame or a script that points here: no cookie opens a page, and no page changes anything."""
    cookie = f"token={web.token}; session={web.session}"
    for path in ("/status", "/mcp"):
        assert web.exchange(None, "GET", path, authorization="", cookie=cookie)[0] in (401, 405), path
        form = web.exchange(
            b"a=b", "POST", path, authorization="", cookie=cookie, content_type="application/x-www-form-urlencoded"
        )
        assert form[0] in (401, 405, 415), path
    for path in ("/status", "/health"):
        for method in ("POST", "DELETE"):
            assert web.exchange(b"{}", method, path)[0] == 405, (method, path)


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PUT", "PATCH", "PROPFIND", "get", "MADEUP"])
def test_h40_methods(web: Any, method: str) -> None:
    for path in ("/mcp", "/status"):
        reply = web.send_bytes(head(web, "Connection: close", method=method, path=path), timeout_s=20.0)
        assert status_of(reply) in (400, 405, 421), (method, path)


def test_h41_every_request_of_a_connection_is_checked_on_its_own(web: Any) -> None:
    good = head(web, method="GET", path="/status")
    bad = good.replace(web.token.encode(), b"x" * len(web.token))
    foreign = head(web, "Connection: close", method="GET", path="/status", host="evil.test")
    reply = web.send_bytes(good + bad + foreign, timeout_s=20.0)
    assert [int(each) for each in re.findall(rb"HTTP/1.1 (\d+) ", reply)] == [200, 401, 421]


def test_h18_h19_slow_clients_hold_nobody_up(web: Any) -> None:
    """That they are dropped at their deadline is shown in tests/transports."""
    with contextlib.ExitStack() as stack:
        for number in range(60):
            slow = stack.enter_context(socket.create_connection(("127.0.0.1", web.port), 5))
            start = head(web, "Content-Type: application/json", "Content-Length: 1000000")
            slow.sendall(start[:40] if number % 2 else start + b"{")
        begun = time.monotonic()
        for _ in range(10):
            assert web.text("small.txt") == "small text\n"
        assert time.monotonic() - begun < 2.0 + BUSY_S


@pytest.mark.parametrize("count", [600, pytest.param(10_000, marks=pytest.mark.slow)])
def test_h30_connection_flood(web: Any, count: int) -> None:
    import resource

    count = min(count, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 300)
    kept = socket.create_connection(("127.0.0.1", web.port), 30)
    with contextlib.ExitStack() as stack:
        stack.enter_context(kept)
        kept.sendall(head(web, "Content-Type: text/plain"))  # with the credential, which is looked at first
        assert status_of(kept.recv(1000)) == 415
        for _ in range(count):
            with contextlib.suppress(OSError):
                stack.enter_context(socket.create_connection(("127.0.0.1", web.port), 1))
        assert web.text("small.txt") == "small text\n"  # over another connection, and another client can come
        kept.sendall(head(web, method="GET", path="/readyz"))
        assert status_of(kept.recv(1000)) == 200


def test_h20_a_slow_reader_of_a_stream_costs_only_itself(web: Any, folder: Path) -> None:
    (folder / "big.txt").write_text("x" * 900_000)
    before = web.memory_mb()
    with contextlib.closing(web.open_stream()) as stream:
        endpoint = stream.next()[1]
        web.exchange(web.frame("initialize", {}, 1), path=endpoint)
        arguments = {"name": "read_file", "arguments": {"path": f"{folder.name}/big.txt"}}
        for number in range(40):
            web.exchange(web.frame("tools/call", arguments, number + 2), path=endpoint)
        assert web.text("small.txt") == "small text\n"
        assert web.memory_mb() - before < 100
    web.wait_for_status(lambda status: status["clients"]["sse"] == 0)
