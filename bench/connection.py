"""One server under measurement: its process, and a client on its pipes that costs as little as possible."""

import os
import select
import subprocess
import time
from collections.abc import Mapping, Sequence

import msgspec

from bench.peers import Peer, Question

PATIENCE_S = 60.0
READ_BYTES = 1 << 20
KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "TMPDIR")


class Broken(Exception):
    """The server did not answer as it should; the sentence says how."""


class _Result(msgspec.Struct, rename="camel"):
    is_error: bool = False
    content: msgspec.Raw = msgspec.Raw()
    structured_content: msgspec.Raw = msgspec.Raw(b"{}")


class _Message(msgspec.Struct):
    id: int | str | None = None
    method: str | None = None
    result: _Result | None = None
    error: object = None


class Connection:
    """A running server; leaving its context kills it."""

    def __init__(self, peer: Peer, home: str) -> None:
        self._name = peer.name
        self.started_s = time.perf_counter()
        self._process = subprocess.Popen(  # noqa: S603 - the peers are listed in bench/peers.py
            list(peer.command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**bare_environment(os.environ, home), **peer.environ},
            cwd=home,
            bufsize=0,
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise Broken("the server was started without pipes")
        self._input, self._output = self._process.stdin, self._process.stdout
        self._poll = select.poll()
        self._poll.register(self._output.fileno(), select.POLLIN)
        self._room = bytearray(READ_BYTES)
        self._end = 0
        """How much of the room is taken by the line that has not ended."""
        self._lines: list[bytes] = []
        self._arrived_s = 0.0
        self._decoder = msgspec.json.Decoder(_Message)
        self._ident = 0
        self._may_fail: set[int] = set()
        self.document = b"{}"
        """What the latest answer told in a form for programs."""

    @property
    def pid(self) -> int:
        """The process that was started."""
        return self._process.pid

    def __enter__(self) -> "Connection":
        """Shake hands."""
        hello = {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "filewarden-bench", "version": "1"},
        }
        self.ask(Question("initialize", hello))
        self._write({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return self

    def __exit__(self, *_: object) -> None:
        """End it; nothing that it still works on is of interest."""
        self._input.close()
        try:
            self._process.wait(0.5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._output.close()

    def send(self, question: Question, *, may_fail: bool = False) -> int:
        """Ask without waiting; the id of the answer, which may be a failure only where that is said."""
        self._ident += 1
        if may_fail:
            self._may_fail.add(self._ident)
        self._write({"jsonrpc": "2.0", "id": self._ident, "method": question.method, "params": question.params})
        return self._ident

    def send_all(self, questions: Sequence[Question]) -> None:
        """Ask several at once, in one write."""
        for question in questions:
            self.send(question)

    def cancel(self, ident: int) -> None:
        """Say that the answer is no longer wanted."""
        self._write({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": ident}})

    def receive(self, patience_s: float = PATIENCE_S) -> int | None:
        """Wait for the next answer; its id, or None when none came in time.

        Raises:
            Broken: the answer is an error, or the server has gone.
        """
        give_up = time.perf_counter() + patience_s
        while True:
            while self._lines:
                ident = self._decode(self._lines.pop())
                if ident is not None:
                    return ident
            left_s = give_up - time.perf_counter()
            if not self._poll.poll(max(0.0, left_s * 1000)):
                if left_s > 0:
                    continue
                return None
            self._read()

    def ask(self, question: Question) -> float:
        """Ask, and wait for the answer; the seconds until its last byte was here, not yet looked at."""
        started = time.perf_counter()
        ident = self.send(question)
        while True:
            answered = self.receive()
            if answered is None:
                raise Broken(f"{self._name} did not answer {question.method} within {PATIENCE_S:.0f} s")
            if answered == ident:
                return self._arrived_s - started

    def _write(self, message: Mapping[str, object]) -> None:
        try:
            self._input.write(msgspec.json.encode(message) + b"\n")
        except BrokenPipeError:
            raise Broken(f"{self._name} ended with status {self._process.poll()}") from None

    def _read(self) -> None:
        if self._end == len(self._room):
            self._room.extend(bytes(len(self._room)))
        begin = self._end
        self._end += os.readv(self._output.fileno(), [memoryview(self._room)[begin:]])
        if self._end == begin:
            raise Broken(f"{self._name} closed its output (status {self._process.poll()})")
        if self._room.find(b"\n", begin, self._end) < 0:
            return
        self._arrived_s = time.perf_counter()
        *lines, rest = bytes(self._room[: self._end]).split(b"\n")
        self._end = len(rest)
        self._room[: self._end] = rest
        self._lines = lines[::-1] + self._lines

    def _decode(self, line: bytes) -> int | None:
        message = self._decoder.decode(line)
        if message.method is not None or not isinstance(message.id, int):
            return None
        if message.id in self._may_fail:
            self._may_fail.discard(message.id)
            return message.id
        if message.result is None:
            raise Broken(f"{self._name} refused: {message.error!r:.200}")
        if message.result.is_error:
            raise Broken(f"{self._name} failed: {bytes(message.result.content)[:200]!r}")
        self.document = bytes(message.result.structured_content)
        return message.id


def bare_environment(environ: Mapping[str, str], home: str) -> dict[str, str]:
    """What a client would give a server, with everything that it keeps below `home`."""
    kept = {name: environ[name] for name in KEPT_VARIABLES if name in environ}
    return {**kept, "HOME": home, "XDG_STATE_HOME": os.path.join(home, "state")}
