import pytest

from filewarden.transports.http.fields import (
    EVENTS,
    JSON,
    accepts,
    asks_for,
    bearer_token,
    content_length,
    is_form,
    is_json,
    query_value,
    read_fields,
)


def test_a_field_that_comes_twice_is_joined_so_that_it_fits_nothing() -> None:
    fields = read_fields([(b"host", b"localhost:1"), (b"accept", b"a/b"), (b"host", b"evil")])
    assert fields == {b"host": b"localhost:1, evil", b"accept": b"a/b"}


@pytest.mark.parametrize(
    ("accept", "takes_json", "takes_events"),
    [
        (None, True, True),
        (b"*/*", True, True),
        (b"application/json, text/event-stream", True, True),
        (b"Application/JSON , Text/Event-Stream", True, True),
        (b"application/*, text/*;q=0.1", True, True),
        (b"application/json", True, False),
        (b"text/event-stream", False, True),
        (b"text/html", False, False),
        (b"*/*, application/json;q=0", False, True),
        (b"*/*;q=0, application/json", True, False),
        (b"*/*; q=nonsense", False, False),
        (b"application/json;q=1.0;v=2,*/*", True, True),
        (b"application/jsonp, text/event-streams", False, False),
        (b"", False, False),
    ],
)
def test_accept_follows_the_most_specific_range(accept: bytes | None, takes_json: bool, takes_events: bool) -> None:
    fields = {} if accept is None else {b"accept": accept}
    assert (accepts(fields, JSON), accepts(fields, EVENTS)) == (takes_json, takes_events)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (b"text/event-stream", True),
        (b"text/html, Text/Event-Stream;q=0.5", True),
        (b"text/event-stream;q=0", False),
        (b"*/*", False),
        (b"text/*", False),
        (b"", False),
    ],
)
def test_only_the_type_itself_asks_for_it(accept: bytes, expected: bool) -> None:
    assert asks_for({b"accept": accept}, EVENTS) is expected


def test_no_accept_field_asks_for_nothing() -> None:
    assert not asks_for({}, EVENTS)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"application/json", True),
        (b"Application/JSON; charset=UTF-8", True),
        (b'application/json;charset="utf-8"', True),
        (b"application/json; charset=latin-1", False),
        (b"application/json; boundary=x", True),
        (b"text/plain", False),
        (b"application/x-www-form-urlencoded", False),
        (b"application/json, text/plain", False),
        (b"application/jsonx", False),
        (b"", False),
    ],
)
def test_a_body_is_json_in_utf8(value: bytes, expected: bool) -> None:
    assert is_json({b"content-type": value}) is expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({b"content-type": b"application/x-www-form-urlencoded"}, True),
        ({b"content-type": b"Application/X-WWW-Form-Urlencoded ; charset=UTF-8", b"content-length": b"3"}, True),
        ({}, True),
        ({b"content-length": b"0"}, True),
        ({b"content-length": b"3"}, False),
        ({b"content-type": b"application/json"}, False),
        ({b"content-type": b"", b"content-length": b"3"}, False),
    ],
)
def test_a_body_is_a_form(fields: dict[bytes, bytes], expected: bool) -> None:
    assert is_form(fields) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"Bearer abc", b"abc"),
        (b"bearer  abc ", b"abc"),
        (b"Basic abc", b""),
        (b"abc", b""),
        (b"Bearer", b""),
        (b"Bearer abc, Bearer def", b"abc, Bearer def"),
    ],
)
def test_the_credential_of_a_bearer(value: bytes, expected: bytes) -> None:
    assert bearer_token({b"authorization": value}) == expected


def test_no_authorization_is_no_credential() -> None:
    assert bearer_token({}) is None


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"session_id=abc", "abc"),
        (b"x=1&client_id=abc&session_id=def", "abc"),
        (b"session_id=", ""),
        (b"session_id", ""),
        (b"sessionid=abc", ""),
        (b"session_id=\xff", ""),
        (b"", ""),
    ],
)
def test_a_query_value(query: bytes, expected: str) -> None:
    assert query_value(query, b"session_id", b"client_id") == expected


@pytest.mark.parametrize(("value", "expected"), [(b"17", 17), (b"0", 0), (b"-1", 0), (b"1, 1", 0), (b"x", 0)])
def test_an_announced_length(value: bytes, expected: int) -> None:
    assert content_length({b"content-length": value}) == expected
