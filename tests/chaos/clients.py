"""A client of each transport, on one loop: cheap enough that a hundred of them are no load of their own."""

import asyncio
import contextlib
import itertools
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Mapping
from typing import Any

import msgspec

from tests.chaos.tally import DECODER, Message, Tally, retry_after_s
from tests.chaos.wire import EVENTS, TurnedAwayError, Wire, Wires

HELLO = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "chaos", "version": "1"}}
VERSION = "2026-07-28"
ENVELOPE = {"io.modelcontextprotocol/protocolVersion": VERSION, "io.modelcontextprotocol/clientCapabilities": {}}
PATIENCE_S = 15.0
"""After so long a request counts as never answered."""
_encode = msgspec.json.Encoder().encode


def _check_admitted(status: int, fields: Mapping[str, str]) -> None:
    if status in (429, 503) and "retry-after" in fields:
        raise TurnedAwayError


class Client(ABC):
    """What all have in common: requests by id, and one answer for each."""

    kind = ""
    _numbers = itertools.count(1)

    def __init__(self, tally: Tally) -> None:
        self.name = f"{self.kind}-{next(Client._numbers)}"
        self.tally = tally
        self.retry_after_s = 0.0
        """What the latest answer said of when to come back."""
        self._ids = itertools.count(1)
        self._pending: dict[int, asyncio.Future[Message]] = {}

    async def open(self) -> None:  # noqa: B027 - some have nothing to say first
        """Connect and shake hands."""

    @abstractmethod
    async def close(self) -> None:
        """Leave."""

    def rest(self) -> None:  # noqa: B027 - some have one connection, and it is in use
        """Leave the connections that are not in use."""

    async def call(self, tool: str, arguments: Mapping[str, object], expected: str = "") -> str:
        """One call and its outcome; the tally knows of both. `expected` is the path that the answer must be about."""
        ident = next(self._ids)
        body: dict[str, Any] = {"jsonrpc": "2.0", "id": ident, "method": "tools/call"}
        body["params"] = {"name": tool, "arguments": arguments}
        self.tally.asked += 1
        started = time.monotonic()
        try:
            message = await asyncio.wait_for(self._exchange(ident, body), PATIENCE_S)
        except TimeoutError:
            self.tally.breaks(f"{self.name}: {tool} was never answered")
            return "lost"
        except TurnedAwayError:
            self.tally.outcomes["turned away"] += 1
            return "turned away"
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            self.tally.breaks(f"{self.name}: {tool} lost its connection ({error!r})")
            return "lost"
        if message.id != ident:
            self.tally.breaks(f"{self.name}: request {ident} was answered as {message.id}")
        self.retry_after_s = retry_after_s(message)
        return self.tally.answered(self.name, expected, message, time.monotonic() - started)

    @abstractmethod
    async def _exchange(self, ident: int, body: dict[str, Any]) -> Message:
        """Send a request and wait for what answers it."""

    async def _await_answer(self, ident: int, send: Awaitable[None]) -> Message:
        """For streams that carry the answers of all requests."""
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._pending[ident] = future
        try:
            await send
            return await future
        finally:
            self._pending.pop(ident, None)

    def _take(self, line: bytes) -> None:
        message = DECODER.decode(line)
        if message.method is not None and message.id is None:
            return
        future = self._pending.get(message.id) if isinstance(message.id, int) else None
        if future is None or future.done():
            self.tally.breaks(f"{self.name}: a second or foreign answer, {message.id!r}")
        else:
            future.set_result(message)


class Stdio(Client):
    """The one client of a server on its pipes."""

    kind = "stdio"

    def __init__(self, tally: Tally, process: asyncio.subprocess.Process) -> None:
        super().__init__(tally)
        self._process = process
        self._reading: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Shake hands."""
        self._reading = asyncio.create_task(self._read())
        body = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": HELLO}
        await self._exchange(0, body)
        self._write({"jsonrpc": "2.0", "method": "notifications/initialized"})

    async def close(self) -> None:
        """Stop reading; the process is somebody else's."""
        if self._reading is not None:
            self._reading.cancel()

    def begin(self, tool: str, arguments: Mapping[str, object]) -> int:
        """Send a call whose answer nobody waits for; its id."""
        ident = next(self._ids)
        params = {"name": tool, "arguments": arguments}
        self._write({"jsonrpc": "2.0", "id": ident, "method": "tools/call", "params": params})
        return ident

    def notify(self, method: str, params: Mapping[str, object]) -> None:
        """Send a notification."""
        self._write({"jsonrpc": "2.0", "method": method, "params": params})

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            self._take(line)

    def _write(self, body: Mapping[str, object]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(_encode(body) + b"\n")

    async def _exchange(self, ident: int, body: dict[str, Any]) -> Message:
        async def send() -> None:
            self._write(body)

        return await self._await_answer(ident, send())


class Http(Client):
    """A client over HTTP: a wire for each request that is under way."""

    def __init__(self, tally: Tally, port: int, token: str) -> None:
        super().__init__(tally)
        self._wires = Wires(port, token)

    def rest(self) -> None:
        """Leave the connections that are not in use."""
        self._wires.close()

    async def close(self) -> None:
        """Leave all connections."""
        self.rest()

    async def _posted(self, body: Mapping[str, object], headers: Mapping[str, str]) -> Message:
        accepts = {"accept": f"application/json, {EVENTS}", **headers}
        async with self._wires.one() as wire:
            status, fields, content = await wire.request("POST", "/mcp", _encode(body), accepts)
            if not fields.get("content-type", "").startswith(EVENTS):
                _check_admitted(status, fields)
                if status >= 500 or not content:
                    raise ConnectionError(f"status {status}")
                return DECODER.decode(content)
            found = None
            async for _name, data in wire.events():
                message = DECODER.decode(data)
                if message.method is None:
                    if found is not None:
                        self.tally.breaks(f"{self.name}: two answers on one stream")
                    found = message
            if found is None:
                raise ConnectionError("a stream without an answer")
            return found


class Modern(Http):
    """Revision 2026-07-28: every request stands for itself."""

    kind = "modern"

    async def _exchange(self, ident: int, body: dict[str, Any]) -> Message:
        params = body["params"]
        headers = {"mcp-protocol-version": VERSION, "mcp-method": "tools/call", "mcp-name": params["name"]}
        return await self._posted({**body, "params": {**params, "_meta": ENVELOPE}}, headers)


class Session(Http):
    """Streamable HTTP with a session."""

    kind = "session"
    _session = ""

    async def open(self) -> None:
        """Open the session."""
        body = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": HELLO}
        async with self._wires.one() as wire:
            headers = {"accept": f"application/json, {EVENTS}"}
            _status, fields, _content = await wire.request("POST", "/mcp", _encode(body), headers)
            self._session = fields["mcp-session-id"]

    async def _exchange(self, ident: int, body: dict[str, Any]) -> Message:
        return await self._posted(body, {"mcp-session-id": self._session})


class Sse(Http):
    """HTTP+SSE of 2024-11-05: requests on one connection, answers on another."""

    kind = "sse"

    def __init__(self, tally: Tally, port: int, token: str) -> None:
        super().__init__(tally, port, token)
        self._stream = Wire(port, token)
        self._target = ""
        self._reading: asyncio.Task[None] | None = None
        self._is_open = asyncio.Event()

    async def open(self) -> None:
        """Open the stream, then shake hands on it."""
        await self._stream.request("GET", "/sse", b"", {"accept": EVENTS})
        self._reading = asyncio.create_task(self._read())
        await asyncio.wait_for(self._is_open.wait(), PATIENCE_S)
        await self._exchange(0, {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": HELLO})

    async def close(self) -> None:
        """Leave all connections."""
        if self._reading is not None:
            self._reading.cancel()
        self._stream.close()
        await super().close()

    async def _read(self) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            async for name, data in self._stream.events():
                if name == b"endpoint":
                    self._target = data.decode()
                    self._is_open.set()
                else:
                    self._take(data)

    async def _exchange(self, ident: int, body: dict[str, Any]) -> Message:
        return await self._await_answer(ident, self._send(body))

    async def _send(self, body: Mapping[str, object]) -> None:
        async with self._wires.one() as wire:
            status, fields, _content = await wire.request("POST", self._target, _encode(body), {})
            _check_admitted(status, fields)
            if status != 202:
                raise ConnectionError(f"status {status}")
