"""The bounds of what broker and worker say to each other; what a hostile worker answers is tested with the broker."""

from collections.abc import Callable
from typing import Any

import msgpack
import msgspec
import pytest

from filewarden.workers import wire
from filewarden.workers.errors import Code, Details, ToolFailure
from filewarden.workers.wire import Report, WireError

pack = msgspec.msgpack.encode
BAD_TEXT = b"\xa1\xff"
"""One byte that is no UTF-8, as a text of MessagePack."""


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\xc1",
        b"\x92" + BAD_TEXT + pack(1),
        b"\x92" + pack("hello") + BAD_TEXT,
        b"\x95" + pack("refusal") + pack(1) + pack("not_found") + BAD_TEXT + b"\x80",
        b"\x95" + pack("refusal") + pack(1) + pack("not_found") + pack("m") + b"\x81" + BAD_TEXT + pack(1),
        b"\x91" * 50_000,
        b"\x92" + pack("hello") + b"\x91" * 50_000,
    ],
)
def test_what_is_no_message_or_no_text_is_told_as_such(frame: bytes) -> None:
    for unpack in (wire.unpack_from_worker, wire.unpack_to_worker):
        with pytest.raises(WireError):
            unpack(frame)


def test_blocks_whose_text_is_none_are_told_as_such() -> None:
    for packed in (b"\x91\x92" + pack("text") + BAD_TEXT, b"\x91" * 50_000):
        with pytest.raises(WireError):
            wire.unpack_blocks(memoryview(packed))


@pytest.mark.parametrize(
    ("message", "details", "is_taken"),
    [
        ("x" * 4096, {}, True),
        ("x" * 4097, {}, False),
        ("x", dict.fromkeys(map(str, range(32)), 0), True),
        ("x", dict.fromkeys(map(str, range(33)), 0), False),
    ],
)
def test_a_refusal_has_its_bounds(message: str, details: Details, is_taken: bool) -> None:
    frame = pack(["refusal", 1, "not_found", message, details])
    if is_taken:
        assert wire.unpack_from_worker(frame) == wire.Refusal(1, Code.NOT_FOUND, message, details)
    else:
        with pytest.raises(WireError):
            wire.unpack_from_worker(frame)


@pytest.mark.parametrize(
    "details",
    [
        dict.fromkeys(map(str, range(33)), 0),
        {"names": ["x" * 1000] * 300},
    ],
    ids=["too many", "too large"],
)
def test_a_refusal_that_says_too_much_says_what_there_is_room_for(details: Details) -> None:
    failure = ToolFailure(Code.NOT_FOUND, "x" * 5000, **details)
    assert wire.unpack_from_worker(wire.refuse(1, failure)) == wire.Refusal(1, Code.NOT_FOUND, "x" * 4096, {})
    modest = ToolFailure(Code.NOT_FOUND, "x", near="a")
    assert wire.unpack_from_worker(wire.refuse(1, modest)) == wire.Refusal(1, Code.NOT_FOUND, "x", {"near": "a"})


HONEST: dict[str, Any] = {
    "level": "full",
    "layers": {f"layer {number}": {"active": True, "why": "x" * 2048} for number in range(20)},
    "degraded": ["x"] * 64,
    "refusal": None,
}


def test_an_honest_report_arrives() -> None:
    report = msgspec.convert(HONEST, Report)
    assert wire.unpack_report(wire.pack_report(report)) == report


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"\xc1",
        b"\x91" * 5000,
        wire.pack_report(msgspec.convert(HONEST, Report)) + b"\0",
        msgpack.packb({**HONEST, "more": 1}),
        msgpack.packb({**HONEST, "level": "x" * 2049}),
        msgpack.packb({**HONEST, "level": b"full"}),
        msgpack.packb({**HONEST, "degraded": ["x"] * 65}),
        msgpack.packb({**HONEST, "layers": {str(number): {} for number in range(65)}}),
        msgpack.packb({**HONEST, "layers": {"x": {str(number): 1 for number in range(65)}}}),
        msgpack.packb({**HONEST, "layers": {1: {}}}),
        msgpack.packb({**HONEST, "layers": {"x": {"y": msgpack.ExtType(1, b"x")}}}),
        msgpack.packb({**HONEST, "layers": {str(number): {"why": "x" * 2000} for number in range(40)}}),
    ],
)
def test_a_report_that_is_too_large_or_none_is_told_as_such(packed: bytes) -> None:
    with pytest.raises(WireError):
        wire.unpack_report(packed)


@pytest.mark.parametrize(
    ("bound", "least"),
    [
        (lambda size: wire.max_frame_bytes(max_file_bytes=size, max_media_bytes=1, max_answer_chars=1), 3),
        (lambda size: wire.max_frame_bytes(max_file_bytes=1, max_media_bytes=size, max_answer_chars=1), 1),
        (lambda size: wire.max_frame_bytes(max_file_bytes=1, max_media_bytes=1, max_answer_chars=size), 4),
        (wire.max_body_bytes, 4),
    ],
    ids=["a file", "media", "items", "items beside a text"],
)
def test_the_largest_frame_has_room_for_what_may_be_asked_for(bound: Callable[[int], int], least: int) -> None:
    for size in (1, 1000, 10_000_000):
        assert (
            least * size + wire.REPORT_BYTES <= bound(size) <= least * size + wire.REPORT_BYTES + wire.SEVERAL_BYTES + 3
        )
