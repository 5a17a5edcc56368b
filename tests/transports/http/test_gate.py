from collections.abc import Callable

import pytest

from filewarden.transports.http.gate import Gate, own_hosts, own_origins, parse_origin

Make = Callable[..., Gate]
GOOD = {b"host": b"localhost:8765"}


@pytest.fixture
def gate() -> Gate:
    return make_gate()


def make_gate(
    *,
    host: str = "127.0.0.1",
    port: int = 8765,
    allowed_hosts: tuple[str, ...] = (),
    allowed_origins: tuple[str, ...] = (),
) -> Gate:
    return Gate(
        hosts=own_hosts(host, port, allowed_hosts),
        origins=own_origins(host, port, allowed_origins),
        routes={"/mcp": ("POST", "DELETE"), "/health": ("GET", "HEAD"), "/status": ("GET",), "/form": ("POST",)},
        max_body_bytes=100,
        forms=frozenset(("/form",)),
    )


@pytest.mark.parametrize(
    ("host", "passes"),
    [
        (b"localhost:8765", True),
        (b"LocalHost:8765", True),
        (b"127.0.0.1:8765", True),
        (b"[::1]:8765", True),
        (b"localhost", False),
        (b"localhost:8766", False),
        (b"localhost:08765", False),
        (b"localhost:8765.evil.example", False),
        (b"localhost.:8765", False),
        (b"evil.example:8765", False),
        (b"127.0.0.2:8765", False),
        (b"user@localhost:8765", False),
        (b"localhost:8765, localhost:8765", False),
        (b"\xff", False),
        (b"", False),
        (None, False),
    ],
)
def test_host_must_name_us(gate: Gate, host: bytes | None, passes: bool) -> None:
    fields = {name: value for name, value in GOOD.items() if name != b"host"}
    if host is not None:
        fields[b"host"] = host
    refusal = gate.refusal("GET", "/status", fields)
    assert (None if refusal is None else refusal.status) == (None if passes else 421)


@pytest.mark.parametrize(
    ("origin", "passes"),
    [
        (b"http://localhost:8765", True),
        (b"HTTP://127.0.0.1:8765", True),
        (b"http://[::1]:8765", True),
        (b"null", False),
        (b"", False),
        (b"https://localhost:8765", False),
        (b"http://localhost", False),
        (b"http://localhost:8765/", False),
        (b"http://localhost:8765.evil.example", False),
        (b"http://localhost:87650", False),
        (b"http://user@localhost:8765", False),
        (b"http://localhost:8765, http://evil.example", False),
        (b"http://evil.example", False),
        (b"file://", False),
        (b"localhost:8765", False),
    ],
)
def test_an_origin_must_be_ours(gate: Gate, origin: bytes, passes: bool) -> None:
    refusal = gate.refusal("GET", "/status", {**GOOD, b"origin": origin})
    assert (None if refusal is None else refusal.status) == (None if passes else 403)


def test_the_settings_name_further_origins_exactly() -> None:
    gate = make_gate(allowed_origins=("https://app.example", "http://tools.example:9000"))
    for origin, passes in {
        b"https://app.example": True,
        b"https://app.example:443": True,
        b"http://app.example": False,
        b"https://app.example.evil": False,
        b"http://tools.example:9000": True,
        b"http://tools.example": False,
    }.items():
        assert (gate.refusal("GET", "/status", {**GOOD, b"origin": origin}) is None) is passes, origin


def test_the_settings_name_further_hosts() -> None:
    gate = make_gate(allowed_hosts=("Files.example.org", "other.example:9000"))
    for host, passes in {
        b"files.example.org": True,
        b"files.example.org:8765": True,
        b"files.example.org:9000": False,
        b"other.example:9000": True,
        b"other.example": False,
        b"other.example:8765": False,
    }.items():
        assert (gate.refusal("GET", "/status", {**GOOD, b"host": host}) is None) is passes, host


def test_an_address_that_is_listened_on_is_our_name_and_a_wildcard_is_not() -> None:
    assert "192.168.1.5:8765" in own_hosts("192.168.1.5", 8765, ())
    assert "[fe80::1]:8765" in own_hosts("fe80::1", 8765, ())
    assert not {"0.0.0.0:8765", "[::]:8765"} & (own_hosts("0.0.0.0", 8765, ()) | own_hosts("::", 8765, ()))


def test_the_default_port_may_be_left_out() -> None:
    assert {"localhost", "127.0.0.1:80"} <= own_hosts("127.0.0.1", 80, ())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://a", ("http", "a", 80)),
        ("https://A:8443", ("https", "a", 8443)),
        ("app://x", ("app", "x", 0)),
        ("null", None),
        ("http://", None),
        ("http://a:", None),
        ("http://a:123456", None),
        ("http://a b", None),
        ("http://a\n", None),
    ],
)
def test_origins_are_parsed(text: str, expected: tuple[str, str, int] | None) -> None:
    assert parse_origin(text) == expected


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/mcp/", 404),
        ("GET", "/mcp", 405),
        ("OPTIONS", "/mcp", 405),
        ("GET", "/health", None),
        ("DELETE", "/mcp", None),
    ],
)
def test_only_what_is_there_may_be_asked_for(gate: Gate, method: str, path: str, status: int | None) -> None:
    refusal = gate.refusal(method, path, GOOD)
    assert (None if refusal is None else refusal.status) == status


@pytest.mark.parametrize(
    ("method", "fields", "status"),
    [
        ("POST", {b"content-type": b"application/json"}, None),
        ("POST", {b"content-type": b"application/json", b"content-length": b"100"}, None),
        ("POST", {b"content-type": b"application/json", b"content-length": b"101"}, 413),
        ("POST", {b"content-type": b"text/plain"}, 415),
        ("POST", {}, 415),
        ("GET", {}, None),
    ],
)
def test_a_body_must_be_small_and_json(gate: Gate, method: str, fields: dict[bytes, bytes], status: int | None) -> None:
    refusal = gate.body_refusal(method, "/mcp", fields)
    assert (None if refusal is None else refusal.status) == status


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({b"content-type": b"application/x-www-form-urlencoded", b"content-length": b"100"}, None),
        ({b"content-type": b"application/x-www-form-urlencoded", b"content-length": b"101"}, 413),
        ({b"content-type": b"application/json", b"content-length": b"9"}, 415),
    ],
)
def test_what_a_form_sends_must_be_small_and_a_form(gate: Gate, fields: dict[bytes, bytes], status: int | None) -> None:
    refusal = gate.body_refusal("POST", "/form", fields)
    assert (None if refusal is None else refusal.status) == status
