"""The protocol's codec by itself: any bytes, in any pieces, are frames or refused."""

import struct

import pytest
from hypothesis import given, settings, strategies as st

from filewarden.workers.zmtp import (
    BUFFER_BYTES,
    COMMAND,
    COMMAND_BYTES,
    GREETING,
    LONG,
    MORE,
    READY,
    Frame,
    Reader,
    ZmtpError,
    check_greeting,
    check_ready,
    command,
    head,
    reply_to,
)

MOST = 40_000
NO_TTL = b"\0\0"
SIZES = [0, 1, 255, 256, BUFFER_BYTES - 9, BUFFER_BYTES - 8, BUFFER_BYTES, 2 * BUFFER_BYTES + 1, MOST]


def read(reader: Reader, stream: bytes, piece: int) -> list[tuple[int, bytes]]:
    """All frames of a stream that arrives in pieces of so many bytes at most."""
    found = []
    while True:
        while (frame := reader.next()) is not None:
            found.append((frame.flags & ~LONG, bytes(frame.body)))
        if not stream:
            return found
        room = reader.room()
        count = min(len(room), piece, len(stream))
        assert count
        room[:count] = stream[:count]
        reader.filled(count)
        stream = stream[count:]


def frames(stream: bytes, piece: int = 1 << 20) -> list[tuple[int, bytes]]:
    return read(Reader(MOST), stream, piece)


def first(stream: bytes) -> Frame:
    [(flags, body)] = frames(stream)
    return Frame(flags, body)


def written(flags: int, body: bytes) -> bytes:
    return head(len(body), flags) + body


bodies = st.sampled_from(SIZES).map(lambda size: bytes(range(256)) * (size // 256) + b"x" * (size % 256))
messages = st.tuples(st.sampled_from([0, MORE]), st.binary(max_size=20) | bodies)
commands = st.tuples(st.just(COMMAND), st.binary(min_size=1, max_size=COMMAND_BYTES))


@settings(max_examples=60, deadline=None)
@given(st.lists(messages | commands, max_size=6), st.integers(1, 2 * BUFFER_BYTES))
def test_frames_arrive_as_they_were_whatever_the_pieces(sent: list[tuple[int, bytes]], piece: int) -> None:
    stream = b"".join(written(flags, body) for flags, body in sent)
    assert frames(stream, max(piece, len(stream) // 500)) == sent


def test_frames_arrive_byte_by_byte() -> None:
    sent = [(0, b"x" * 300), (COMMAND, b"\x04PING"), (MORE, b""), (0, b"y")]
    assert frames(b"".join(written(flags, body) for flags, body in sent), 1) == sent


def test_a_short_frame_may_have_a_long_length() -> None:
    assert frames(struct.pack(">BQ", LONG, 2) + b"ab") == [(0, b"ab")]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.binary(max_size=12) | st.sampled_from([READY, head(300), head(MOST)]), max_size=8))
def test_any_bytes_are_frames_or_refused(parts: list[bytes]) -> None:
    try:
        found = frames(b"".join(parts), 7)
    except ZmtpError:
        return
    for flags, body in found:
        for react in (check_ready, reply_to):
            try:
                react(Frame(flags, body))
            except ZmtpError:
                continue


@pytest.mark.parametrize(
    "beginning",
    [
        pytest.param(struct.pack(">BQ", LONG, MOST + 1), id="one byte too many"),
        pytest.param(struct.pack(">BQ", LONG, (1 << 64) - 1), id="the longest of all"),
        pytest.param(struct.pack(">BQ", LONG | COMMAND, COMMAND_BYTES + 1), id="a long command"),
        pytest.param(b"\x05\x01", id="a command with more to come"),
        pytest.param(b"\x08\x01", id="a reserved flag"),
        pytest.param(b"\xff\x00", id="a second greeting"),
    ],
)
def test_a_frame_is_refused_by_its_head_alone(beginning: bytes) -> None:
    with pytest.raises(ZmtpError):
        frames(beginning)


def test_the_longest_frame_is_taken_and_its_memory_is_its_own() -> None:
    reader = Reader(MOST)
    [(_, one), (_, two)] = read(reader, written(0, b"1" * MOST) + written(0, b"2" * MOST), 10_000)
    assert (one, two) == (b"1" * MOST, b"2" * MOST)


def test_the_greeting_is_the_protocol_s() -> None:
    """Byte by byte as RFC 37 has it."""
    assert len(GREETING) == 64
    assert GREETING[:10] == b"\xff\0\0\0\0\0\0\0\0\x7f"
    assert GREETING[10:] == b"\3\1NULL" + bytes(16) + b"\0" + bytes(31)
    assert READY == b"\4\x1a\5READY\x0bSocket-Type\0\0\0\4PAIR"
    check_greeting(GREETING)
    check_greeting(GREETING[:11] + b"\0" + GREETING[12:])  # version 3.0
    check_ready(first(READY))


@pytest.mark.parametrize(
    "greeting",
    [
        b"",
        GREETING[:-1],
        b"\x00" + GREETING[1:],
        GREETING[:9] + b"\x7e" + GREETING[10:],
        GREETING[:10] + b"\2" + GREETING[11:],
        GREETING.replace(b"NULL", b"PLAIN"[:4]),
        GREETING[:12] + b"CURVE".ljust(20, b"\0") + GREETING[32:],
    ],
)
def test_another_greeting_is_refused(greeting: bytes) -> None:
    with pytest.raises(ZmtpError):
        check_greeting(greeting)


def ready(properties: bytes) -> bytes:
    return command(b"READY", properties)


@pytest.mark.parametrize(
    "stream",
    [
        ready(b""),
        ready(b"\x0bSocket-Type\0\0\0\4PUSH"),
        ready(b"\x0bSocket-Type\0\0\0\5PAIR"),
        ready(b"\x0bSocket-Type\0\0"),
        ready(b"\x0bSocket"),
        ready(b"\x0bSocket-Type\xff\xff\xff\xffPAIR"),
        command(b"ERROR", b"\2no"),
        command(b"HELLO"),
        written(0, READY[2:]),
        written(COMMAND, b""),
        written(COMMAND, b"\6READY"),
    ],
)
def test_a_peer_that_is_no_pair_is_refused(stream: bytes) -> None:
    with pytest.raises(ZmtpError):
        check_ready(first(stream))


def test_properties_beside_the_socket_s_type_and_other_case_are_fine() -> None:
    check_ready(first(ready(b"\7X-Other\0\0\0\0\x0bSOCKET-type\0\0\0\4PAIR\x08Identity\0\0\0\0")))


def test_a_ping_is_answered_with_its_context() -> None:
    assert reply_to(first(command(b"PING", NO_TTL + b"context"))) == command(b"PONG", b"context")
    assert reply_to(first(command(b"PING", NO_TTL))) == command(b"PONG")
    assert reply_to(first(command(b"PONG", b"context"))) is None


@pytest.mark.parametrize(
    "stream",
    [
        command(b"PING"),
        command(b"PING", NO_TTL + bytes(17)),
        command(b"PONG", bytes(17)),
        command(b"SUBSCRIBE", b"x"),
        command(b"ERROR", b"\2no"),
        READY,
        written(COMMAND, b"\5PING"),
        written(0, b"\4PING\0\0"),
    ],
)
def test_other_commands_are_refused_once_open(stream: bytes) -> None:
    with pytest.raises(ZmtpError):
        reply_to(first(stream))
