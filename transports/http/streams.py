"""One open event stream: what waits for its reader, bounded, and the loop that sends it (HTML Living Standard, 9.2)."""

import asyncio
import os
from collections import deque
from collections.abc import Callable, Iterable

from starlette.types import Receive, Send

from filewarden.broker.holdings import Holdings
from filewarden.transports.http.unread import Unread

MAX_EVENTS = 1000
MAX_BYTES = 8 * 1024 * 1024
CHUNK_BYTES = 64 * 1024
KEEP_ALIVE_S = 15.0

HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
]


COMMENT = b": keep-alive\n\n"
MESSAGE = b"message"


def event(name: bytes, data: bytes, event_id: bytes = b"") -> bytes:
    """Frame one event; `data` has no line ends."""
    framed = b"event: " + name + b"\ndata: " + data + b"\n\n"
    return b"id: " + event_id + b"\n" + framed if event_id else framed


def priming(event_id: bytes, retry_ms: int) -> bytes:
    """Frame the event that tells a client where to take the stream up again, and after which time."""
    return b"id: %s\nretry: %d\ndata:\n\n" % (event_id, retry_ms)


class EventStream:
    """Events for one reader. One that leaves too much waiting loses the stream: `on_overflow`.

    With `silent_s` it also ends when nothing but keep-alives was sent for that long. Its first keep-alive comes up to
    half of `keep_alive_s` earlier, by chance: those of a thousand clients that came together would be bursts otherwise.
    """

    def __init__(
        self,
        keep_alive: bytes,
        on_overflow: Callable[[], None],
        keep_alive_s: float = KEEP_ALIVE_S,
        unread: Unread | None = None,
        silent_s: float | None = None,
    ) -> None:
        self._keep_alive = keep_alive
        self._keep_alive_s = keep_alive_s
        self._wait_s = keep_alive_s * (1 - os.urandom(1)[0] / 511)
        """Until the next keep-alive, if nothing else is sent."""
        self._on_overflow = on_overflow
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._unread = unread or Unread(Holdings())
        self._is_ending = False
        self._wake: asyncio.Future[None] | None = None
        self._silent_s = silent_s
        self._silence: asyncio.TimerHandle | None = None

    def push(self, framed: bytes) -> None:
        """Send it when its turn comes."""
        if self._is_ending:
            return
        if self._silence is not None:
            self._await_news()
        has_room = len(self._waiting) < MAX_EVENTS and self._waiting_bytes + len(framed) <= MAX_BYTES
        if self._waiting and not has_room:  # a single one may be of any size
            self.drop()
            return
        self._append(framed)

    def drop(self) -> None:
        """End it without what waits: its reader left too much of it."""
        self._clear()
        self.end()
        self._on_overflow()

    def replay(self, events: Iterable[bytes]) -> None:
        """Send what was kept for the reader; whoever kept it had bounds of its own."""
        for each in events:
            self._append(each)

    def end(self) -> None:
        """Close the stream once what waits was sent."""
        self._is_ending = True
        self._stir()

    async def run(self, receive: Receive, send: Send) -> None:
        """Send until the stream ends or the client leaves."""
        leaving = asyncio.ensure_future(until_gone(receive))
        leaving.add_done_callback(lambda _: self._abandon())
        self._await_news()
        try:
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
            while True:
                if not self._waiting:
                    if self._is_ending:
                        break
                    await self._something_to_send()
                await send({"type": "http.response.body", "body": self._next_chunk(), "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            leaving.cancel()
            self._is_ending = True
            self._clear()
            if self._silence is not None:
                self._silence.cancel()

    async def _something_to_send(self) -> None:
        loop = asyncio.get_running_loop()
        self._wake = loop.create_future()
        timer = loop.call_later(self._wait_s, self._append, self._keep_alive)
        self._wait_s = self._keep_alive_s
        try:
            await self._wake
        finally:
            timer.cancel()
            self._wake = None

    def _await_news(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
        if self._silent_s is not None:
            self._silence = asyncio.get_running_loop().call_later(self._silent_s, self.end)

    def _append(self, framed: bytes) -> None:
        self._waiting.append(framed)
        self._count(len(framed))
        self._stir()

    def _next_chunk(self) -> bytes:
        parts, size = [], 0
        while self._waiting and size < CHUNK_BYTES:
            parts.append(self._waiting.popleft())
            size += len(parts[-1])
        self._count(-size)
        return b"".join(parts)

    def _count(self, size: int) -> None:
        self._waiting_bytes += size
        self._unread.note(self, self._waiting_bytes)

    def _clear(self) -> None:
        self._waiting.clear()
        self._count(-self._waiting_bytes)

    def _abandon(self) -> None:
        self._clear()
        self.end()

    def _stir(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)


async def until_gone(receive: Receive) -> None:
    """Return when the client has closed its connection."""
    while (await receive())["type"] != "http.disconnect":
        pass
