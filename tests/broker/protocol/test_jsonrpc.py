"""Frames to messages: every case runs bare and with each kind of whitespace around it."""

import msgspec
import pytest

from filewarden.broker.protocol.errors import ErrorCode, ProtocolError
from filewarden.broker.protocol.jsonrpc import (
    MAX_BATCH,
    Batch,
    Malformed,
    Notification,
    Request,
    Response,
    decode,
    members,
)

PADDING = [(b"", b""), (b" \t\n", b""), (b"", b" \r\n"), (b"\r\n ", b"\t ")]

padded = pytest.mark.parametrize(("before", "after"), PADDING, ids=["bare", "leading", "trailing", "both"])

REQUESTS = {
    "plain": (b'{"jsonrpc":"2.0","id":1,"method":"m"}', 1, "m", b"{}"),
    "zero id": (b'{"jsonrpc":"2.0","id":0,"method":"m"}', 0, "m", b"{}"),
    "negative id": (b'{"jsonrpc":"2.0","id":-7,"method":"m"}', -7, "m", b"{}"),
    "empty id": (b'{"jsonrpc":"2.0","id":"","method":"m"}', "", "m", b"{}"),
    "string id": (b'{"jsonrpc":"2.0","id":"1","method":"m"}', "1", "m", b"{}"),
    "long id": (b'{"jsonrpc":"2.0","id":' + b"9" * 30 + b',"method":"m"}', int("9" * 30), "m", b"{}"),
    "other order": (b'{"params":{"a":[1]},"method":"m","id":1,"jsonrpc":"2.0"}', 1, "m", b'{"a":[1]}'),
    "extra members": (b'{"jsonrpc":"2.0","x":{"id":3},"id":1,"method":"m","result":{},"y":[]}', 1, "m", b"{}"),
    "escaped names": (b'{"\\u006asonrpc":"2.0","i\\u0064":1,"method":"\\u006d"}', 1, "m", b"{}"),
    "last id wins": (b'{"jsonrpc":"2.0","id":1,"id":2,"method":"m"}', 2, "m", b"{}"),
    "last id wins over null": (b'{"jsonrpc":"2.0","id":null,"id":2,"method":"m"}', 2, "m", b"{}"),
    "last params win": (b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":1},"params":{"a":2}}', 1, "m", b'{"a":2}'),
    "unicode": ('{"jsonrpc":"2.0","id":"é","method":"m","params":{"a":"ß"}}'.encode(), "é", "m", '{"a":"ß"}'.encode()),
    "params of any type": (b'{"jsonrpc":"2.0","id":1,"method":"m","params":[1]}', 1, "m", b"[1]"),
}


@padded
@pytest.mark.parametrize("case", REQUESTS)
def test_a_request_is_read(case: str, before: bytes, after: bytes) -> None:
    frame, request_id, method, params = REQUESTS[case]
    found = decode(before + frame + after)
    assert isinstance(found, Request)
    assert (found.id, type(found.id), found.method) == (request_id, type(request_id), method)
    assert bytes(found.params) == params


NOTIFICATIONS = {
    "plain": b'{"jsonrpc":"2.0","method":"m"}',
    "with params": b'{"jsonrpc":"2.0","method":"m","params":{"a":1}}',
    "wrong params": b'{"jsonrpc":"2.0","method":"m","params":3}',
    "extra members": b'{"jsonrpc":"2.0","method":"m","result":1,"x":2}',
}


@padded
@pytest.mark.parametrize("case", NOTIFICATIONS)
def test_a_message_without_id_is_a_notification(case: str, before: bytes, after: bytes) -> None:
    found = decode(before + NOTIFICATIONS[case] + after)
    assert isinstance(found, Notification)
    assert found.method == "m"


RESPONSES = {
    "result": (b'{"jsonrpc":"2.0","id":1,"result":{}}', 1),
    "error": (b'{"jsonrpc":"2.0","id":"a","error":{"code":1,"message":"no"}}', "a"),
    "null id": (b'{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"no"}}', None),
    "no id": (b'{"jsonrpc":"2.0","error":{"code":1,"message":"no"}}', None),
    "both": (b'{"jsonrpc":"2.0","id":1,"result":{},"error":{}}', 1),
}


@padded
@pytest.mark.parametrize("case", RESPONSES)
def test_a_result_or_error_without_method_is_a_response(case: str, before: bytes, after: bytes) -> None:
    frame, request_id = RESPONSES[case]
    found = decode(before + frame + after)
    assert isinstance(found, Response)
    assert found.id == request_id


LEVELS = 2_000_000
"""More than the stack of any Python has room for: from 3.14 on its size is the limit, not a number of calls."""
UNPARSABLE = {
    "nothing": b"",
    "word": b"hello",
    "cut off": b'{"jsonrpc":"2.0","id":1',
    "cut off array": b"[1,2",
    "two values": b'{"jsonrpc":"2.0","id":1,"method":"m"}{}',
    "trailing comma": b'{"jsonrpc":"2.0","id":1,"method":"m",}',
    "single quotes": b"{'id':1}",
    "comment": b'{"id":1} // no',
    "raw newline in string": b'{"jsonrpc":"2.0","id":1,"method":"a\nb"}',
    "NaN in params": b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":NaN}}',
    "Infinity in params": b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":-Infinity}}',
    "NaN id": b'{"jsonrpc":"2.0","id":NaN,"method":"m"}',
    "leading zero": b'{"jsonrpc":"2.0","id":01,"method":"m"}',
    "byte order mark": b'\xef\xbb\xbf{"jsonrpc":"2.0","id":1,"method":"m"}',
    "bad UTF-8 in params": b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":"\xff"}}',
    "bad UTF-8 in a skipped member": b'{"jsonrpc":"2.0","id":1,"method":"m","x":"\xc3("}',
    "bad UTF-8 in a name": b'{"jsonrpc":"2.0","id":1,"method":"m","\xff":1}',
    "surrogate as UTF-8": b'{"jsonrpc":"2.0","id":1,"method":"\xed\xa0\x80"}',
    "overlong UTF-8": b'{"jsonrpc":"2.0","id":1,"method":"\xc0\xaf"}',
    "escaped lone surrogate in an array": b'[{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":"\\ud800"}}]',
    "escaped lone surrogate in a notification": b'{"jsonrpc":"2.0","method":"m","params":{"a":"\\ud800"}}',
    "escaped lone surrogate as id": b'{"jsonrpc":"2.0","id":"\\uD83D","method":"m"}',
    "escaped lone surrogate and more": b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":"\\ud800"}}}',
    "UTF-16": '{"jsonrpc":"2.0","id":1,"method":"m"}'.encode("utf-16"),
    "deep in params": b'{"jsonrpc":"2.0","id":1,"method":"m","params":'
    + b'{"a":' * LEVELS
    + b"1"
    + b"}" * LEVELS
    + b"}",
    "deep in a skipped member": b'{"jsonrpc":"2.0","id":1,"method":"m","x":' + b"[" * LEVELS + b"]" * LEVELS + b"}",
    "deep array": b"[" * LEVELS + b"]" * LEVELS,
    "deep and cut off": b"[" * LEVELS,
    "giant id": b'{"jsonrpc":"2.0","id":' + b"9" * 10_000 + b',"method":"m"}',
    "giant negative id": b'{"jsonrpc":"2.0","id":-' + b"9" * 10_000 + b',"method":"m"}',
}


@padded
@pytest.mark.parametrize("case", UNPARSABLE)
def test_what_is_not_json_is_a_parse_error_without_id(case: str, before: bytes, after: bytes) -> None:
    found = decode(before + UNPARSABLE[case] + after)
    assert isinstance(found, Malformed)
    assert (found.error.code, found.id) == (ErrorCode.PARSE_ERROR, None)


TORN = {
    "half": rb'{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"n","arguments":{"a":"cut \uD83d"}}}',
    "before a pair": rb'{"id":"x","jsonrpc":"2.0","method":"m","params":{"\ud83d\ud83d\ude00":"\\\ude00 \\ud800"}}',
    "other half": rb'{"id":"x","jsonrpc":"2.0","method":"\udE00"}',
}


@padded
@pytest.mark.parametrize("case", TORN)
def test_half_of_a_surrogate_pair_is_a_parse_error_with_its_id(case: str, before: bytes, after: bytes) -> None:
    found = decode(before + TORN[case] + after)
    assert isinstance(found, Malformed)
    assert (found.error.code, found.id) == (ErrorCode.PARSE_ERROR, "x")
    assert "surrogate" in found.error.message


def test_a_response_with_half_of_a_surrogate_pair_is_no_answer() -> None:
    found = decode(rb'{"jsonrpc":"2.0","id":"x","result":{"action":"accept","content":{"confirm":true,"a":"\ud83d"}}}')
    assert found == Response("x", None)


INVALID = {
    "string": (b'"hello"', None),
    "number": (b"1", None),
    "null": (b"null", None),
    "true": (b"true", None),
    "empty object": (b"{}", None),
    "no version": (b'{"id":1,"method":"m"}', 1),
    "other version": (b'{"jsonrpc":"1.0","id":1,"method":"m"}', 1),
    "number as version": (b'{"jsonrpc":2.0,"id":"x","method":"m"}', "x"),
    "no method": (b'{"jsonrpc":"2.0","id":1}', 1),
    "number as method": (b'{"jsonrpc":"2.0","id":1,"method":1}', 1),
    "null method": (b'{"jsonrpc":"2.0","id":0,"method":null}', 0),
    "null method beside a result": (b'{"jsonrpc":"2.0","id":0,"method":null,"result":{}}', 0),
    "notification without version": (b'{"method":"m"}', None),
    "null id": (b'{"jsonrpc":"2.0","id":null,"method":"m"}', None),
    "true id": (b'{"jsonrpc":"2.0","id":true,"method":"m"}', None),
    "float id": (b'{"jsonrpc":"2.0","id":1.5,"method":"m"}', None),
    "whole float id": (b'{"jsonrpc":"2.0","id":1.0,"method":"m"}', None),
    "exponent id": (b'{"jsonrpc":"2.0","id":1e2,"method":"m"}', None),
    "huge exponent id": (b'{"jsonrpc":"2.0","id":1e999,"method":"m"}', None),
    "object id": (b'{"jsonrpc":"2.0","id":{},"method":"m"}', None),
    "array id": (b'{"jsonrpc":"2.0","id":[1],"method":"m"}', None),
}


@padded
@pytest.mark.parametrize("case", INVALID)
def test_a_wrong_envelope_is_an_invalid_request_with_its_readable_id(case: str, before: bytes, after: bytes) -> None:
    frame, request_id = INVALID[case]
    found = decode(before + frame + after)
    assert isinstance(found, Malformed)
    assert (found.error.code, found.id, type(found.id)) == (ErrorCode.INVALID_REQUEST, request_id, type(request_id))


def test_every_beginning_of_a_request_is_a_parse_error() -> None:
    frame = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"n","arguments":{"a":[1,true,"x"]}}}'
    for length in range(len(frame)):
        found = decode(frame[:length])
        assert isinstance(found, Malformed), length
        assert found.error.code == ErrorCode.PARSE_ERROR


@padded
def test_an_array_is_a_batch_and_its_members_are_told_apart(before: bytes, after: bytes) -> None:
    array = b'[{"jsonrpc":"2.0","id":1,"method":"m"}, {"jsonrpc":"2.0","method":"n"}, 1, [], {"id":3}]'
    found = decode(before + array + after)
    assert isinstance(found, Batch)
    kinds = [type(each) for each in members(found)]
    assert kinds == [Request, Notification, Malformed, Malformed, Malformed]


@pytest.mark.parametrize("count", [0, MAX_BATCH + 1, 100_000])
def test_an_empty_or_overlong_batch_has_no_members(count: int) -> None:
    found = decode(msgspec.json.encode([1] * count))
    assert isinstance(found, Batch)
    with pytest.raises(ProtocolError) as refusal:
        members(found)
    assert refusal.value.code == ErrorCode.INVALID_REQUEST


def test_a_batch_may_be_exactly_as_long_as_allowed() -> None:
    found = decode(msgspec.json.encode([1] * MAX_BATCH))
    assert isinstance(found, Batch)
    assert len(members(found)) == MAX_BATCH
