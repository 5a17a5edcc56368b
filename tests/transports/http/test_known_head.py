import pytest
from hypothesis import given, strategies as st

from filewarden.transports.http.known_head import LONGEST_HEAD, KnownHead, learn

FIELDS = [(b"Host", b"x:1"), (b"Content-Length", b"2"), (b"Authorization", b"Bearer secret")]
BODY = b"{}"


def request(fields: list[tuple[bytes, bytes]], body: bytes = BODY, line: bytes = b"POST /mcp HTTP/1.1") -> bytes:
    return b"\r\n".join([line, *(name + b": " + value for name, value in fields), b"", body])


def learned(data: bytes, fields: list[tuple[bytes, bytes]]) -> KnownHead | None:
    return learn(data, {name.lower(): value for name, value in fields}, len(fields))


def known() -> KnownHead:
    found = learned(request(FIELDS), FIELDS)
    assert found is not None
    return found


@pytest.mark.parametrize("body", [b"{}", b"{}  ", b"x" * 12345])
def test_the_same_head_is_known_whatever_the_length(body: bytes) -> None:
    fields = [(name, b"%d" % len(body) if name == b"Content-Length" else value) for name, value in FIELDS]
    assert known().body_in(request(fields, body)) == body


@given(st.data())
def test_nothing_else_is(data: st.DataObject) -> None:
    whole = bytearray(request(FIELDS))
    length_at = whole.index(b"2\r\n")
    at = data.draw(st.integers(0, len(whole) - len(BODY) - 1).filter(lambda at: at != length_at))
    whole[at] = data.draw(st.integers(0, 255).filter(lambda value: value != whole[at]))
    assert known().body_in(bytes(whole)) is None


@pytest.mark.parametrize("length", [b"", b"1", b"3", b"+2", b" 2", b"2 ", b"0x2", b"-2", b"2\n", b"999999999", b"2, 2"])
def test_a_body_of_another_length_is_not(length: bytes) -> None:
    fields = [(name, length if name == b"Content-Length" else value) for name, value in FIELDS]
    assert known().body_in(request(fields)) is None


def test_a_request_that_more_follows_is_not() -> None:
    assert known().body_in(request(FIELDS) * 2) is None
    assert known().body_in(request(FIELDS)[:-1]) is None


@pytest.mark.parametrize(
    "fields",
    [
        FIELDS[:1],
        [*FIELDS, (b"Transfer-Encoding", b"chunked")],
        [*FIELDS, (b"Expect", b"100-continue")],
        [*FIELDS, (b"Connection", b"close")],
        [*FIELDS, (b"Upgrade", b"h2c")],
        [*FIELDS, (b"Long", b"x" * LONGEST_HEAD)],
        [*FIELDS, (b"Folded", b"a\r\n b")],
        [*FIELDS, (b"Bare", b"a\nB: c")],
        [(b"Host", b"x"), (b"Content-Length", b"3")],
    ],
)
def test_a_head_that_may_mean_something_else_next_time_is_not_learned(fields: list[tuple[bytes, bytes]]) -> None:
    assert learned(request(fields), fields) is None


@pytest.mark.parametrize("line", [b"GET /mcp HTTP/1.1", b"POST /mcp HTTP/1.0", b"\r\nPOST /mcp HTTP/1.1"])
def test_nor_one_of_another_kind_of_request(line: bytes) -> None:
    assert learned(request(FIELDS, line=line), FIELDS) is None


def test_a_head_whose_lines_end_otherwise_is_not_learned() -> None:
    data = b"POST /mcp HTTP/1.1\nContent-Length: 14\n\nhead\r\n\r\nbody"
    assert learn(data, {b"content-length": b"14"}, 1) is None


def test_the_parser_must_have_found_as_many_fields() -> None:
    assert learn(request(FIELDS), {b"content-length": b"2"}, len(FIELDS) + 1) is None
