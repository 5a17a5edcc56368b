"""Attacks on the broker by the code of a captured worker: frames that no honest worker sends, by its link and beneath.

No socket can be opened in here, but the link's is a descriptor like any other: whoever has the process can write to it
what the link never would.
"""

import contextlib
import os
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn

import msgspec

from filewarden.workers import wire
from filewarden.workers.channel import Channel, ChannelClosedError
from filewarden.workers.note_level import NoteLevel

MORE_BIG = b"\x03" + (65_536).to_bytes(8, "big") + bytes(65_536)
"""ZMTP: a long frame of 64 KiB, and more to come."""
MORE_EMPTY = b"\x01\x00" * 32_768
PINGS = (b"\x04\x07\x04PING\x00\x00") * 64


def _local(name: str) -> Any:
    """A variable of the worker's own functions, which are running below us."""
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 # an attacker minds no underscores
    while frame is not None:
        if name in frame.f_locals and frame.f_globals.get("__name__") == "filewarden.workers.worker":
            return frame.f_locals[name]
        frame = frame.f_back
    raise LookupError(name)


def _channel() -> Channel:
    channel: Channel = _local("channel")
    return channel


def _call_id() -> int:
    call: wire.Call = _local("call")
    return call.call


def _wait() -> NoReturn:
    """As a captured worker would: stay, and see what happens."""
    while True:
        time.sleep(1)


def _raw() -> int:
    """The descriptor of the connection itself."""
    return _channel()._socket.fileno()  # noqa: SLF001


def _write(data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(_raw(), view) :]
        except BlockingIOError:  # the broker takes its time
            continue


def _write_forever(data: bytes) -> NoReturn:
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        while True:
            _write(data)
    _wait()


def _ping_forever() -> NoReturn:
    """Ask, and take the answers: or the broker would stop listening, and there would be nothing to do."""
    while True:
        _write(PINGS)
        os.read(_raw(), 65_536)


def _send(frame: bytes) -> None:
    _channel().send(frame)


def _send_and_wait(frame: bytes) -> NoReturn:
    with contextlib.suppress(ChannelClosedError):
        _send(frame)
    _wait()


def _send_forever(frame: bytes) -> NoReturn:
    with contextlib.suppress(ChannelClosedError):
        while True:
            _send(frame)
    _wait()


def _once_idle(attack: Callable[[], object]) -> None:
    """Answer honestly, and attack when the worker should wait for its next call."""

    def receive(_self: Channel) -> bytes:
        time.sleep(0.2)  # the broker is to have taken the answer
        attack()
        _wait()

    setattr(Channel, "receive", receive)  # noqa: B010 # or the type checker would notice


def _answer(call: int, body: bytes = b"\x82\xa7outcome\xa1x\xa3pid\x01") -> bytes:
    return wire.pack(wire.Answer(call, memoryview(body), None))


def _burn() -> NoReturn:
    while True:
        pass


def _many_parts() -> NoReturn:
    _write(b"\x01\x00" * 99_999 + b"\x00\x00")
    _wait()


def _flood_of_answers() -> NoReturn:
    _send_forever(_answer(_call_id()))


def _question(message: bytes, method: str = "elicitation/create") -> bytes:
    """A question about something, which is MessagePack."""
    requests = b"\x81\xa1a\x92" + bytes((0xA0 + len(method),)) + method.encode() + b"\x81\xa1m" + message
    return wire.pack(wire.Question(_call_id(), memoryview(requests), b""))


def _log_messages() -> NoReturn:
    _send_forever(wire.pack(wire.Note(_call_id(), NoteLevel.EMERGENCY, "x")))


def _report() -> bytes:
    """A report that would end the server, were it believed."""
    return wire.pack(
        wire.Ready(wire.pack_report(wire.Report(level="off", layers={}, degraded=(), refusal="the sandbox is broken")))
    )


def _hang_up() -> NoReturn:
    os.close(_raw())
    _wait()


LINK_ATTACKS: dict[str, Callable[[], object]] = {
    # Whole frames, while a call runs.
    "garbage": lambda: _send_and_wait(b"\xc1"),
    "empty": lambda: _send_and_wait(b""),
    "our own message": lambda: _send_and_wait(wire.pack(wire.Go())),
    "another call's answer": lambda: _send_and_wait(_answer(_call_id() + 1)),
    "an old call's answer": lambda: _send_and_wait(_answer(_call_id() - 1)),
    "an answer of another shape": lambda: _send_and_wait(_answer(_call_id(), b"\x82\xa7outcome\x01\xa3pid\xa1x")),
    "an answer of another kind": lambda: _send_and_wait(
        wire.pack(wire.Answer(_call_id(), memoryview(b"\x82\xa7outcome\xa1x\xa3pid\x01"), memoryview(b"text")))
    ),
    "a pickle": lambda: _send_and_wait(b"cposix\nsystem\n(S'true'\ntR."),
    "NaN where an id belongs": lambda: _send_and_wait(b"\x94\xa6answer\xcb\x7f\xf8\0\0\0\0\0\0\xc4\0\xc0"),
    "an answer with bad UTF-8": lambda: _send_and_wait(_answer(_call_id(), b"\x82\xa7outcome\xa2\xff\xfe\xa3pid\x01")),
    "a word of its own for a code": lambda: _send_and_wait(
        msgspec.msgpack.encode(("refusal", _call_id(), "words of the worker", "m", {}))
    ),
    "an answer that says too much": lambda: _send_and_wait(
        _answer(_call_id(), msgspec.msgpack.encode({"outcome": "x" * 600_000, "pid": 1}))
    ),
    "a long refusal": lambda: _send_and_wait(
        msgspec.msgpack.encode(("refusal", _call_id(), "io_error", "m", {"more": "x" * 600_000}))
    ),
    "half an answer": lambda: _send_and_wait(_answer(_call_id())[:-3]),
    "the hello again": lambda: _send_and_wait(wire.pack(wire.Hello(_local("spawn").secret))),
    "a second report": lambda: _send_and_wait(_report()),
    "two answers": lambda: _send(_answer(_call_id())),  # and the honest one
    "a flood of answers": _flood_of_answers,
    "a message of many parts": _many_parts,
    "an oversize frame": lambda: _send_and_wait(bytes(16 * 1024 * 1024)),
    # Beneath the link, while a call runs.
    "no ZMTP": lambda: _write_forever(b"\xff" * 65_536),
    "hanging up": _hang_up,
    "an endless message of big parts": lambda: _write_forever(MORE_BIG),
    "an endless message of empty parts": lambda: _write_forever(MORE_EMPTY),
    "a lying length": lambda: _write_forever(b"\x02" + (1 << 62).to_bytes(8, "big")),
    # What may come before an answer, or in its place.
    "progress that nobody asked for": lambda: _send_and_wait(wire.pack(wire.Progress(_call_id(), 1.0, None, None))),
    "another call's log message": lambda: _send_and_wait(wire.pack(wire.Note(_call_id() + 1, NoteLevel.ERROR, "x"))),
    "progress of NaN": lambda: _send_and_wait(wire.pack(wire.Progress(_call_id(), float("nan"), None, None))),
    "a deep question": lambda: _send_and_wait(_question(b"\x91" * 990 + b"\xc0")),
    "a question of another kind": lambda: _send_and_wait(_question(b"\xc0", "tools/call")),
    "log messages without end": _log_messages,
    # Once idle.
    "idle: an answer": lambda: _once_idle(lambda: _send_and_wait(_answer(1))),
    "idle: a second report": lambda: _once_idle(lambda: _send_and_wait(_report())),
    "idle: an oversize frame": lambda: _once_idle(lambda: _send_and_wait(bytes(16 * 1024 * 1024))),
    "idle: burning": lambda: _once_idle(_burn),
    "idle: pings": lambda: _once_idle(_ping_forever),
    "idle: an endless message of big parts": lambda: _once_idle(lambda: _write_forever(MORE_BIG)),
    "idle: an endless message of empty parts": lambda: _once_idle(lambda: _write_forever(MORE_EMPTY)),
}
