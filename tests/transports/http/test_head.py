"""What a head says of its body and of its server."""

import pytest

from filewarden.transports.http.answer import Header
from filewarden.transports.http.head import coding_problem, head_of_body, with_host_of


@pytest.mark.parametrize(
    "framing", [(), ((b"content-length", b"5"),), ((b"transfer-encoding", b"Chunked"),), ((b"content-length", b"0"),)]
)
@pytest.mark.parametrize("closes", [False, True])
def test_the_head_of_a_body_says_how_long_it_is_and_no_more(framing: tuple[Header, ...], *, closes: bool) -> None:
    offer = ((b"connection", b"Upgrade"), (b"upgrade", b"h2c"), *framing, (b"x", b"y"))
    head = head_of_body(offer, closes=closes).decode().split("\r\n")
    expected = [f"{name.decode()}: {value.decode()}" for name, value in framing] + ["connection: close"] * closes
    assert head == ["POST / HTTP/1.1", *expected, "", ""]


@pytest.mark.parametrize(
    ("coding", "version", "status"),
    [
        (None, "1.0", None),
        (b"chunked", "1.1", None),
        (b"Chunked", "1.1", None),
        (b"gzip, chunked", "1.1", 501),
        (b"identity", "1.1", 501),
        (b"chunked", "1.0", 400),
    ],
)
def test_no_coding_but_chunks_is_taken(coding: bytes | None, version: str, status: int | None) -> None:
    fields = [(b"host", b"a")] + ([] if coding is None else [(b"transfer-encoding", coding)])
    problem = coding_problem(fields, version)
    assert (None if problem is None else problem.status) == status


@pytest.mark.parametrize(
    ("target", "host"),
    [
        (b"/mcp", b"a"),
        (b"*", b"a"),
        (b"http://b/mcp", b"b"),
        (b"http://b:1?x", b"b:1"),
        (b"http://c@b:1/", b"c@b:1"),
        (b"b:1", b""),
        (b"http:/b", b""),
    ],
)
def test_a_target_that_names_its_host_has_the_last_word(target: bytes, host: bytes) -> None:
    fields = [(b"host", b"a"), (b"x", b"y")]
    assert dict(with_host_of(target, fields)) == {b"host": host, b"x": b"y"}
