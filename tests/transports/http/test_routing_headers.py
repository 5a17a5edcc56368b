from typing import Any

import pytest
from msgspec import Raw

from filewarden.broker.protocol.errors import ErrorCode, ProtocolError
from filewarden.transports.http.routing_headers import HeaderParam, RoutingHeaders, decoded, header_params

GOOD = ((b"mcp-protocol-version", b"2026-07-28"), (b"mcp-method", b"tools/call"), (b"mcp-name", b"echo"))
URI = "file:///a\N{LATIN SMALL LETTER O WITH DIAERESIS}, b"


def check(*headers: tuple[bytes, bytes], name: str | None = "echo") -> None:
    RoutingHeaders(headers).check(version="2026-07-28", method="tools/call", name=name)


def refusal(*headers: tuple[bytes, bytes]) -> str:
    with pytest.raises(ProtocolError) as caught:
        check(*headers)
    assert caught.value.code is ErrorCode.HEADER_MISMATCH
    return str(caught.value)


def test_headers_that_agree_pass() -> None:
    check(*GOOD, (b"accept", b"x"), (b"accept", b"y"))
    check(*(((name, b" \t" + value + b"  ")) for name, value in GOOD))


def test_a_name_is_looked_at_only_where_the_method_has_one() -> None:
    check(*GOOD[:2], name=None)
    check(*GOOD[:2], (b"mcp-name", b"whatever"), name=None)


@pytest.mark.parametrize("missing", range(3))
def test_each_header_is_required_once(missing: int) -> None:
    rest = GOOD[:missing] + GOOD[missing + 1 :]
    field = GOOD[missing][0].decode()
    assert f"{field} is missing" in refusal(*rest)
    assert f"{field} occurs more than once" in refusal(*GOOD, GOOD[missing])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (0, b"2025-11-25"),
        (0, b""),
        (1, b"TOOLS/CALL"),
        (1, b"tools/list"),
        (1, b"=?base64?dG9vbHMvY2FsbA==?="),
        (2, b"Echo"),
        (2, b"echo echo"),
        (2, b""),
        (2, b"=?base64?RWNobw==?="),
    ],
)
def test_each_value_is_compared_exactly(field: int, value: bytes) -> None:
    headers = list(GOOD)
    headers[field] = (GOOD[field][0], value)
    assert f"{GOOD[field][0].decode()} differs" in refusal(*headers)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"plain", "plain"),
        (b"=?base64?SGVsbG8=?=", "Hello"),
        (b"=?base64??=", ""),
        (b"SGVsbG8=", "SGVsbG8="),
        (b"=?base64?SGVsbG8=", "=?base64?SGVsbG8="),
        (b"SGVsbG8=?=", "SGVsbG8=?="),
        (b"=?BASE64?SGVsbG8=?=", "=?BASE64?SGVsbG8=?="),
        (b"=?base64?=", "=?base64?="),
        (b"%41", "%41"),
        (b"=?utf-8?q?x?=", "=?utf-8?q?x?="),
        (b"a\tb", "a\tb"),
    ],
)
def test_a_value_is_literal_or_base64_between_its_marks(value: bytes, text: str) -> None:
    assert decoded(b"mcp-name", value) == text


@pytest.mark.parametrize(
    "value",
    [
        b"=?base64?SGVsbG8?=",
        b"=?base64?SGVs!!!bG8=?=",
        b"=?base64?SGVs bG8=?=",
        b"=?base64?/w==?=",
        b"=?base64?SGVsbG8==?=",
        b"=?base64?SGVs_G8=?=",
        b"\xc3\xb6",
        b"a\x00b",
        b"a\x7f",
    ],
)
def test_a_value_that_is_neither_is_refused(value: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        decoded(b"mcp-name", value)
    assert caught.value.code is ErrorCode.HEADER_MISMATCH


def test_a_name_beyond_ascii_comes_in_base64() -> None:
    check(*GOOD[:2], (b"mcp-name", b"=?base64?ZmlsZTovLy9hw7YsIGI=?="), name=URI)


def test_a_value_with_a_comma_is_not_two_values() -> None:
    check(*GOOD[:2], (b"mcp-name", b"a, a"), name="a, a")
    with pytest.raises(ProtocolError):
        check(*GOOD[:2], (b"mcp-name", b"a"), (b"mcp-name", b"a"), name="a, a")


def test_a_notification_needs_no_header_but_none_that_is_wrong() -> None:
    method = "notifications/cancelled"
    RoutingHeaders(()).check_present(version="2026-07-28", method=method)
    RoutingHeaders(GOOD[:1]).check_present(version=None, method=method)
    for headers in (GOOD[1:2], GOOD[:1] * 2, [(b"mcp-protocol-version", b"2025-11-25")]):
        with pytest.raises(ProtocolError):
            RoutingHeaders(headers).check_present(version="2026-07-28", method=method)


SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "region": {"type": "string", "x-mcp-header": "Region"},
        "where": {
            "type": "object",
            "properties": {"depth": {"type": "integer", "x-mcp-header": "Depth"}, "path": {"type": "string"}},
        },
        "all": {"type": "boolean", "x-mcp-header": "All"},
        "list": {"type": "array", "items": {"type": "string", "x-mcp-header": "Never"}},
    },
    "anyOf": [{"properties": {"x": {"type": "string", "x-mcp-header": "Nor-This"}}}],
}


def test_annotations_are_found_through_properties_alone() -> None:
    assert header_params(SCHEMA) == (
        HeaderParam(b"mcp-param-region", ("region",)),
        HeaderParam(b"mcp-param-depth", ("where", "depth")),
        HeaderParam(b"mcp-param-all", ("all",)),
    )
    assert header_params({"type": "object"}) == ()
    assert header_params(True) == ()


@pytest.mark.parametrize(
    ("arguments", "headers"),
    [
        (b"{}", {}),
        (b'{"region": null, "where": {}, "all": null}', {}),
        (b'{"where": 5}', {}),
        (b'{"region": "eu"}', {b"region": b"eu"}),
        (b'{"region": ""}', {b"region": b""}),
        (b'{"region": "Hello"}', {b"region": b"=?base64?SGVsbG8=?="}),
        (b'{"region": "SGVsbG8="}', {b"region": b"SGVsbG8="}),
        (b'{"region": "=?base64?SGVsbG8="}', {b"region": b"=?base64?SGVsbG8="}),
        (b'{"where": {"depth": 42}}', {b"depth": b"42"}),
        (b'{"where": {"depth": 42.0}}', {b"depth": b"42"}),
        (b'{"where": {"depth": 42}}', {b"depth": b"42.0"}),
        (b'{"where": {"depth": -9007199254740991}}', {b"depth": b"-9007199254740991"}),
        (b'{"all": true}', {b"all": b"true"}),
        (b'{"all": false}', {b"all": b"false"}),
    ],
)
def test_arguments_that_agree_with_their_headers_pass(arguments: bytes, headers: dict[bytes, bytes]) -> None:
    given = RoutingHeaders([(b"mcp-param-" + name, value) for name, value in headers.items()])
    given.check_params(header_params(SCHEMA), Raw(arguments))


@pytest.mark.parametrize(
    ("arguments", "headers"),
    [
        (b'{"region": "eu"}', []),
        (b"{}", [(b"region", b"eu")]),
        (b'{"region": null}', [(b"region", b"")]),
        (b'{"region": "eu"}', [(b"region", b"EU")]),
        (b'{"region": "eu"}', [(b"region", b"eu"), (b"region", b"eu")]),
        (b'{"region": "Hello"}', [(b"region", b"=?base64?SGVsbG8?=")]),
        (b'{"region": ["eu"]}', [(b"region", b"eu")]),
        (b'{"where": {"depth": 42}}', [(b"depth", b"43")]),
        (b'{"where": {"depth": 42}}', [(b"depth", b"42.5")]),
        (b'{"where": {"depth": 42}}', [(b"depth", b"0x2a")]),
        (b'{"where": {"depth": 1}}', [(b"depth", b"true")]),
        (b'{"all": true}', [(b"all", b"1")]),
        (b'{"all": true}', [(b"all", b"True")]),
    ],
)
def test_arguments_that_do_not_are_refused(arguments: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    given = RoutingHeaders([(b"mcp-param-" + name, value) for name, value in headers])
    with pytest.raises(ProtocolError) as caught:
        given.check_params(header_params(SCHEMA), Raw(arguments))
    assert caught.value.code is ErrorCode.HEADER_MISMATCH
