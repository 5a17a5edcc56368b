"""The connections of a client over HTTP/1.1: kept for the next request, as long as the server keeps them too."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

KEPT_S = 30.0
"""How long a connection that rests is used again: the server ends those that rest for a minute, which a request that is
on its way then cannot know (RFC 9112, 9.3.1)."""
EVENTS = "text/event-stream"


class TurnedAwayError(Exception):
    """The server has no room for the connection, and says when to come back as long as there are not far too many."""


class LostError(ConnectionError):
    """The server ended a connection that it had accepted, before an answer."""


class Wire:
    """One connection."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._token = token
        self._used_at = 0.0
        self._is_last = False
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is connected, the server has not said that it will end it, and it was in use lately."""
        has_ended = self._streams is None or self._is_last or self._streams[0].at_eof()
        return not has_ended and time.monotonic() - self._used_at < KEPT_S

    async def request(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, Any, bytes]:
        """Send one; status, header fields, and the body where it is not a stream of events.

        Raises:
            TurnedAwayError: it was ended before it was heard: far beyond the limit of connections.
            LostError: it was ended with a request under way, having been in use before, or amid an answer.
        """
        rested_s = None if self._streams is None else time.monotonic() - self._used_at
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 20)
        self._used_at = time.monotonic()
        reader, writer = self._streams
        usual = {"host": f"127.0.0.1:{self._port}", "authorization": f"Bearer {self._token}"}
        if body:
            usual |= {"content-type": "application/json", "content-length": str(len(body))}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in {**usual, **headers}.items())]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            is_stream = fields.get("content-type", "").startswith(EVENTS)
            content = b"" if is_stream else await reader.readexactly(int(fields.get("content-length", "0")))
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            self.close()
            if rested_s is None and not getattr(error, "partial", b""):
                raise TurnedAwayError from None
            age = "new" if rested_s is None else f"last used {rested_s:.3f} s before"
            raise LostError(f"{error!r}; the connection was {age}") from error
        except BaseException:
            self.close()  # what is left of an exchange must not meet the next one
            raise
        self._is_last = fields.get("connection", "").lower() == "close"
        return int(head[0].split()[1]), fields, content

    async def events(self) -> Any:
        """The data of each event that follows, until the stream ends (chunked, RFC 9112, 7.1)."""
        assert self._streams is not None
        reader, text = self._streams[0], b""
        while size := int((await reader.readuntil(b"\r\n")).strip() or b"0", 16):
            text += await reader.readexactly(size)
            await reader.readexactly(2)
            *whole, text = text.split(b"\n\n")
            for event in whole:
                fields = dict(line.partition(b": ")[::2] for line in event.split(b"\n"))
                if b"data" in fields:
                    yield fields.get(b"event", b"message"), fields[b"data"]
        await reader.readexactly(2)

    def close(self) -> None:
        """Leave at once."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None


class Wires:
    """A connection for each request that is under way, used again."""

    def __init__(self, port: int, token: str) -> None:
        self._place = port, token
        self._idle: list[Wire] = []

    @contextlib.asynccontextmanager
    async def one(self) -> AsyncIterator[Wire]:
        """One that nobody else uses meanwhile."""
        wire = self._open_one() or Wire(*self._place)
        try:
            yield wire
        except BaseException:
            wire.close()
            raise
        self._idle.append(wire)

    def _open_one(self) -> Wire | None:
        while self._idle:
            wire = self._idle.pop()
            if wire.is_open:
                return wire
            wire.close()
        return None

    def close(self) -> None:
        """Leave all that are not in use."""
        while self._idle:
            self._idle.pop().close()
