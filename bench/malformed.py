"""Thirty-five lines that are no requests as they should be, up to 64 MB: who is alive after each, and who answers.

JSON-RPC 2.0 demands an error for everything that is neither a notification nor an answer, with a null id where none can
be made out.
"""

import functools
import os
import select
import subprocess
import time
from collections.abc import Callable, Mapping

import msgspec

from bench.connection import Broken, bare_environment
from bench.peers import Peer

PATIENCE_S = 5.0
HUGE_PATIENCE_S = 20.0
HUGE_BYTES = 64 << 20
LATE_S = 0.1
"""How much later than the answer to the ping behind it an error may come."""
ALIVE, ANSWERED = "malformed lines: alive after", "malformed lines: answered of those that demand it"
DEMANDED = "malformed lines: that demand an answer"
FIGURES: Mapping[str, str] = {ALIVE: "lines", ANSWERED: "lines", DEMANDED: "lines"}

Make = Callable[[], bytes]


def _request(**members: object) -> bytes:
    return msgspec.json.encode({"jsonrpc": "2.0", **members})


SMALL: Mapping[str, bytes] = {
    "an empty object": b"{}",
    "an empty list": b"[]",
    "null": b"null",
    "a number": b"1",
    "a string": b'"ping"',
    "true": b"true",
    "an object that does not end": b'{"jsonrpc":"2.0","id":1,"method":"ping"',
    "an object that ends twice": b'{"jsonrpc":"2.0","id":1,"method":"ping"}}',
    "words": b"GET / HTTP/1.1",
    "zero bytes": b"\x00\x00\x00\x00",
    "no UTF-8": b'{"jsonrpc":"2.0","id":1,"method":"\xff\xfe"}',
    "half of a surrogate pair": b'{"jsonrpc":"2.0","id":1,"method":"\\ud800"}',
    "UTF-16": '{"jsonrpc":"2.0","id":1,"method":"ping"}'.encode("utf-16-le"),
    "no version": b'{"id":1,"method":"ping"}',
    "version 1.0": b'{"jsonrpc":"1.0","id":1,"method":"ping"}',
    "a version that is a number": b'{"jsonrpc":2.0,"id":1,"method":"ping"}',
    "an id that is null": _request(id=None, method="ping"),
    "an id with a fraction": _request(id=1.5, method="ping"),
    "an id that is true": _request(id=True, method="ping"),
    "an id that is an object": _request(id={}, method="ping"),
    "an id that is a list": _request(id=[1], method="ping"),
    "an id of 400 digits": b'{"jsonrpc":"2.0","id":' + b"9" * 400 + b',"method":"ping"}',
    "no method": _request(id=1),
    "a method that is a number": _request(id=1, method=1),
    "a method that is null": _request(id=1, method=None),
    "an unknown method": _request(id=1, method="no/such"),
    "params that are a string": _request(id=1, method="tools/call", params="x"),
    "a call without params": _request(id=1, method="tools/call"),
    "a tool whose name is a number": _request(id=1, method="tools/call", params={"name": 1, "arguments": {}}),
    "arguments that are a list": _request(id=1, method="tools/call", params={"name": "read_file", "arguments": [1]}),
    "an answer that nobody waits for": _request(id=99, result={}),
}
HUGE: Mapping[str, Make] = {
    "a hundred thousand brackets": lambda: b"[" * 100_000,
    "a method of 1 MB": lambda: _request(id=1, method="x" * (1 << 20)),
    "64 MB of one letter": lambda: b"a" * HUGE_BYTES,
    "64 MB of JSON": lambda: _request(id=1, method="no/such", params={"text": "a" * (HUGE_BYTES - 100)}),
}
SILENT = {"an answer that nobody waits for"}
"""Those that demand no answer."""
LINES: Mapping[str, Make] = {**{name: functools.partial(bytes, line) for name, line in SMALL.items()}, **HUGE}


class _Line(msgspec.Struct):
    id: object = None
    error: object = None
    result: object = None


def measure(peer: Peer, home: str) -> dict[str, float]:
    """Counts by figure."""
    outcomes = {name: _tried(peer, home, make()) for name, make in LINES.items()}
    answered = [name for name, (_, has_answer) in outcomes.items() if has_answer and name not in SILENT]
    return {
        ALIVE: sum(is_alive for is_alive, _ in outcomes.values()),
        ANSWERED: len(answered),
        DEMANDED: len(LINES) - len(SILENT),
    }


def _tried(peer: Peer, home: str, line: bytes) -> tuple[bool, bool]:
    """Whether a new server is alive after the line, and whether it answered it."""
    process = subprocess.Popen(  # noqa: S603 - the peers are listed in bench/peers.py
        list(peer.command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=bare_environment(os.environ, home),
        cwd=home,
        bufsize=0,
    )
    hello = {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "filewarden-bench", "version": "1"},
    }
    lines = _Lines(process)
    try:
        lines.write(_request(id="hello", method="initialize", params=hello) + b"\n")
        if lines.until("hello", HUGE_PATIENCE_S) is None:
            raise Broken(f"{peer.name} does not start")
        lines.write(_request(method="notifications/initialized") + b"\n" + line + b"\n")
        lines.write(_request(id="after", method="ping") + b"\n")
        before = lines.until("after", HUGE_PATIENCE_S if len(line) > 1 << 16 else PATIENCE_S)
        if before is None:
            return False, False
        return process.poll() is None, bool(before) or lines.more(LATE_S)
    except BrokenPipeError:
        return False, False
    finally:
        process.kill()
        process.wait()
        lines.close()


class _Lines:
    """What a server writes, line by line, while we may still be writing to it."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        if process.stdin is None or process.stdout is None:
            raise Broken("the server was started without pipes")
        self._input, self._output = process.stdin, process.stdout
        self._rest = b""

    def write(self, content: bytes) -> None:
        """Raise BrokenPipeError when it has gone."""
        view = memoryview(content)
        while view:
            view = view[os.write(self._input.fileno(), view) :]

    def until(self, ident: str, patience_s: float) -> list[object] | None:
        """The answers before that to `ident`; None when that does not come."""
        found: list[object] = []
        give_up = time.perf_counter() + patience_s
        while True:
            *whole, self._rest = self._rest.split(b"\n")
            for number, line in enumerate(whole):
                message = msgspec.json.decode(line, type=_Line)
                if message.id == ident:
                    self._rest = b"\n".join([*whole[number + 1 :], self._rest])
                    return found
                if message.error is not None or message.result is not None:
                    found.append(message.id)
            chunk = self._chunk(give_up - time.perf_counter())
            if not chunk:
                return None
            self._rest += chunk

    def more(self, patience_s: float) -> bool:
        """Whether anything else comes."""
        return bool(self._rest) or bool(self._chunk(patience_s))

    def close(self) -> None:
        """Leave its pipes."""
        self._input.close()
        self._output.close()

    def _chunk(self, patience_s: float) -> bytes:
        ready, _, _ = select.select([self._output], [], [], max(0.0, patience_s))
        return os.read(self._output.fileno(), 1 << 18) if ready else b""
