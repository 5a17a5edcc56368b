"""What a real server refuses, and with what status."""

import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("status", "method", "path", "headers"),
    [
        (421, "GET", "/status", {"host": "evil.example"}),
        (421, "POST", "/mcp", {"host": "localhost:1"}),
        (421, "GET", "/health", {"host": "evil.example"}),
        (403, "POST", "/mcp", {"origin": "http://evil.example"}),
        (403, "POST", "/mcp", {"origin": "null"}),
        (403, "GET", "/health", {"origin": "null"}),
        (404, "GET", "/nothing", {}),
        (404, "GET", "/page/", {}),
        (404, "GET", "/metrics/", {}),
        (404, "POST", "/mcp/", {}),
        (400, "GET", "/mcp", {}),
        (405, "PUT", "/mcp", {}),
        (405, "OPTIONS", "/mcp", {}),
        (405, "POST", "/sse", {}),
        (405, "GET", "/message", {}),
        (405, "POST", "/health", {}),
        (401, "POST", "/mcp", {"authorization": ""}),
        (401, "POST", "/mcp", {"authorization": "Bearer wrong"}),
        (401, "DELETE", "/mcp", {"authorization": ""}),
        (401, "GET", "/sse", {"authorization": ""}),
        (401, "POST", "/message", {"authorization": ""}),
        (401, "GET", "/status", {"authorization": ""}),
        (415, "POST", "/mcp", {"content_type": "text/plain"}),
        (415, "POST", "/message?session_id=x", {"content_type": ""}),
        (406, "POST", "/mcp", {"accept": "application/json"}),
        (406, "POST", "/mcp", {"accept": "text/event-stream"}),
    ],
)
def test_refusals(http: Any, status: int, method: str, path: str, headers: dict[str, str]) -> None:
    body = b"{}" if method in ("POST", "PUT") else None
    reply = http.request(method, path, body, **headers)
    assert reply.status == status, reply.body
    assert reply.json["error"]["code"] == -32600
    assert "id" not in reply.json
    assert len(reply.body) < 300
    assert "server" not in reply.headers
    assert len(reply.headers.get_all("date")) == 1


def test_a_refused_method_names_those_that_work(http: Any) -> None:
    assert http.request("PUT", "/mcp", b"{}").headers["allow"] == "GET, POST, DELETE"


def test_a_missing_token_is_challenged_and_a_wrong_one_told(http: Any) -> None:
    assert http.get("/status", authorization="").headers["www-authenticate"] == 'Bearer realm="mcp"'
    wrong = http.get("/status", authorization="Bearer wrong")
    assert wrong.headers["www-authenticate"] == 'Bearer realm="mcp", error="invalid_token"'


def test_our_own_origin_may_call(http: Any, request_body: Callable[..., Any]) -> None:
    for host in ("localhost", "127.0.0.1", "[::1]"):
        reply = http.post(request_body("initialize"), origin=f"http://{host}:{http.port}")
        assert reply.status == 200
        assert "access-control-allow-origin" not in reply.headers


def test_an_encoded_path_is_the_path_that_it_encodes(http: Any) -> None:
    assert http.get("/%73tatus", authorization="").status == 401


def test_two_host_fields_are_refused(http: Any) -> None:
    head = f"GET /health HTTP/1.1\r\nHost: localhost:{http.port}\r\nHost: evil\r\nConnection: close\r\n\r\n"
    assert http.send_bytes(head.encode()).startswith(b"HTTP/1.1 421 ")


def test_a_body_that_is_announced_too_large_is_refused_before_it_is_sent(http: Any) -> None:
    head = (
        f"POST /mcp HTTP/1.1\r\nHost: localhost:{http.port}\r\nAuthorization: Bearer {http.token}\r\n"
        "Content-Type: application/json\r\nContent-Length: 16777217\r\nExpect: 100-continue\r\n\r\n"
    )
    assert http.send_bytes(head.encode()).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("path", ["/mcp", "/message"])
def test_a_body_that_grows_too_large_is_refused(start_http: Callable[..., Any], path: str) -> None:
    server = start_http(FILEWARDEN_LIMITS_MAX_MESSAGE_BYTES="5000")
    if path == "/message":
        stream = server.open_stream()
        path = stream.next()[1]
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost:{server.port}\r\nAuthorization: Bearer {server.token}\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    chunk = b"1000\r\n" + b" " * 4096 + b"\r\n"
    assert server.send_bytes(head.encode() + chunk + chunk + b"0\r\n\r\n").startswith(b"HTTP/1.1 413 ")
    assert server.post(b" " * 5001).status == 413
    assert server.post(b" " * 5000).status == 400


def test_a_large_body_within_the_limit_is_read(http: Any, request_body: Callable[..., Any]) -> None:
    body = request_body("initialize", {"padding": "x" * 10_000_000})
    assert http.post(body).json["error"]["code"] == -32602


@pytest.mark.parametrize(
    "head",
    [
        b"X-Long: " + b"x" * 70_000 + b"\r\n",
        b"".join(b"X-%d: y\r\n" % number for number in range(101)),
        b"".join(b"X-%d: %s\r\n" % (number, b"y" * 1000) for number in range(70)),
        b"X-Endless: " + b"x" * 400_000,
        b"X" * 400_000,
    ],
    ids=["one-long", "many", "together", "endless-value", "endless-name"],
)
def test_a_head_that_is_too_large_is_refused(http: Any, head: bytes) -> None:
    request = b"GET /health HTTP/1.1\r\nHost: localhost:%d\r\n" % http.port + head + b"\r\n"
    assert http.send_bytes(request).startswith(b"HTTP/1.1 431 ")


CHUNKED = b"POST /mcp HTTP/1.1\r\nHost: localhost:%d\r\nTransfer-Encoding: chunked\r\n%s\r\n"


@pytest.mark.parametrize(
    "endless",
    [b"2;", b"2\r\n{}\r\n0\r\nX: ", b"2\r\n{}\r\n0\r\n"],
    ids=["extension", "trailer-value", "trailer-name"],
)
def test_what_stands_around_a_body_without_end_is_refused(http: Any, endless: bytes) -> None:
    fields = b"Content-Type: application/json\r\nAuthorization: Bearer %s\r\n" % http.token.encode()
    request = CHUNKED % (http.port, fields) + endless
    assert http.send_bytes(request + b"x" * 400_000).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("rest", [b"no chunk\r\n", b"0\r\n" + b"x" * 70_000], ids=["nonsense", "without end"])
def test_a_request_that_was_answered_before_its_body_came_has_no_second_answer(http: Any, rest: bytes) -> None:
    with socket.create_connection(("127.0.0.1", http.port), 20) as connection:
        connection.sendall(CHUNKED % (http.port, b""))
        answer = connection.recv(65_536)
        assert answer.startswith(b"HTTP/1.1 401 ")
        connection.sendall(rest)
        assert connection.recv(65_536) == b""


def test_the_host_that_a_target_names_counts_instead_of_the_field(http: Any) -> None:
    for target, field, status in (("evil.example", "localhost", 421), ("localhost", "evil.example", 200)):
        request = f"GET http://{target}:{http.port}/livez HTTP/1.1\r\nHost: {field}:{http.port}\r\n"
        reply = http.send_bytes(f"{request}Connection: close\r\n\r\n".encode())
        assert reply.startswith(f"HTTP/1.1 {status} ".encode()), target


def test_blanks_around_a_field_are_no_part_of_it(http: Any) -> None:
    fields = f"Host: \t localhost:{http.port} \t\r\nAuthorization: Bearer {http.token}  \r\nConnection: close \r\n"
    assert http.send_bytes(f"GET /status HTTP/1.1\r\n{fields}\r\n".encode()).startswith(b"HTTP/1.1 200 ")


def test_a_client_of_http_1_0_is_not_told_to_go_on(http: Any) -> None:
    head = f"POST /mcp HTTP/1.0\r\nHost: localhost:{http.port}\r\nAuthorization: Bearer {http.token}\r\n"
    fields = "Content-Type: application/json\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n{}"
    assert http.send_bytes((head + fields).encode()).startswith(b"HTTP/1.1 400 ")


def test_a_request_line_that_is_too_long_is_refused(http: Any) -> None:
    request = b"GET /health?" + b"x" * 400_000 + b" HTTP/1.1\r\nHost: localhost:%d\r\n\r\n" % http.port
    assert http.send_bytes(request).startswith(b"HTTP/1.1 431 ")


def test_a_head_just_within_the_limits_passes(http: Any) -> None:
    fields = b"".join(b"X-%d: %s\r\n" % (number, b"y" * 600) for number in range(97))
    request = b"GET /health HTTP/1.1\r\nHost: localhost:%d\r\nConnection: close\r\n" % http.port + fields + b"\r\n"
    assert http.send_bytes(request).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 50,
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /mcp HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /mcp HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"CONNECT localhost:1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http:// HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused_and_the_connection_closed(http: Any, garbage: bytes) -> None:
    assert http.send_bytes(garbage)[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 421")
    assert http.get("/livez").status == 200


def test_pipelined_requests_are_answered_in_order(http: Any) -> None:
    one = f"GET /livez HTTP/1.1\r\nHost: localhost:{http.port}\r\n\r\n"
    last = f"GET /readyz HTTP/1.1\r\nHost: localhost:{http.port}\r\nConnection: close\r\n\r\n"
    answers = http.send_bytes((one + one + last).encode())
    assert [answers.count(word) for word in (b"HTTP/1.1 200", b"alive", b'"ready"')] == [3, 2, 1]
    assert answers.rindex(b"alive") < answers.index(b'"ready"')


def test_too_many_connections_are_told_to_come_back(start_http: Callable[..., Any]) -> None:
    server = start_http(FILEWARDEN_HTTP_MAX_SESSIONS="1")
    limit = 2 * 1 + 64
    anybody = f"GET /livez HTTP/1.1\r\nHost: localhost:{server.port}\r\n".encode()
    open_ones = [socket.create_connection(("127.0.0.1", server.port), 5) for _ in range(2 * limit)]
    assert server.send_bytes(anybody + b"Connection: close\r\n\r\n").startswith(b"HTTP/1.1 200 ")  # they make way
    trusted = anybody.replace(b"livez", b"status") + f"Authorization: Bearer {server.token}\r\n\r\n".encode()
    open_ones += [socket.create_connection(("127.0.0.1", server.port), 5) for _ in range(limit)]
    for each in open_ones[-limit:]:
        each.sendall(trusted)
        assert each.recv(65_536).startswith(b"HTTP/1.1 200 ")
    refused = server.send_bytes(anybody + b"\r\n")
    assert refused.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: " in refused
    for each in open_ones:
        each.close()
    give_up_at = time.monotonic() + 20
    while server.get("/livez").status != 200:
        assert time.monotonic() < give_up_at


def test_without_auth_nothing_but_a_good_host_is_asked(
    start_http: Callable[..., Any], request_body: Callable[..., Any]
) -> None:
    server = start_http("--auth", "none", auth=False)
    assert server.post(request_body("initialize")).status == 200
    assert server.get("/status").status == 200
    assert server.get("/status", host="evil.example").status == 421
    assert not server.token_path.exists()


def test_an_offer_of_another_protocol_is_ignored_and_the_body_read(http: Any, request_body: Callable[..., Any]) -> None:
    reply = http.post(
        request_body("initialize", {}),
        connection="Upgrade, HTTP2-Settings",
        upgrade="h2c",
        http2_settings="AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
    )
    assert reply.status == 200
    assert reply.json["result"]["serverInfo"]["name"] == "filewarden"


def test_an_offer_that_comes_in_two_pieces_turns_no_body_into_a_request(http: Any) -> None:
    first, second = (f"GET /livez HTTP/1.1\r\nHost: localhost:{http.port}\r\n".encode() for _ in range(2))
    offer = b"Connection: Upgrade\r\nUpgrade: h2c\r\n"
    body = second + b"\r\n"
    request = first + offer + b"Content-Length: %d\r\n\r\n" % len(body) + body
    for before in (b"", first + b"\r\n"):  # the beginning of a head, or the end of another in the same piece
        with socket.create_connection(("127.0.0.1", http.port), 20) as connection:
            at = request.index(b"\r\nUpgrade") + 5
            connection.sendall(before + request[:at])
            answers = b""
            while answers.count(b'{"status":"alive"}') < (before != b""):
                answers += connection.recv(65_536)
            connection.sendall(request[at:] + first + b"Connection: close\r\n\r\n")
            while chunk := connection.recv(65_536):
                answers += chunk
        assert answers.count(b"HTTP/1.1 200 ") == answers.count(b"HTTP/1.1 ") == 2 + (before != b"")
