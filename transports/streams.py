"""One open event stream: what waits for its reader, bounded, and the loop that sends it (HTML Living Standard, 9.2)."""

import asyncio
from collections import deque
from collections.abc import Callable

from starlette.types import Receive, Send

from filewarden.broker.holdings import Holdings

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


def event(name: bytes, data: bytes) -> bytes:
    """Frame one event; `data` has no line ends."""
    return b"event: " + name + b"\ndata: " + data + b"\n\n"


class EventStream:
    """Events for one reader. One that leaves too much waiting loses the stream: `on_overflow`."""

    def __init__(
        self,
        keep_alive: bytes,
        on_overflow: Callable[[], None],
        keep_alive_s: float = KEEP_ALIVE_S,
        holdings: Holdings | None = None,
    ) -> None:
        self._keep_alive = keep_alive
        self._keep_alive_s = keep_alive_s
        self._on_overflow = on_overflow
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._holdings = holdings or Holdings()
        self._is_ending = False
        self._wake: asyncio.Future[None] | None = None

    def push(self, framed: bytes) -> None:
        """Send it when its turn comes."""
        if self._is_ending:
            return
        has_room = len(self._waiting) < MAX_EVENTS and self._waiting_bytes + len(framed) <= MAX_BYTES
        if self._waiting and not has_room:  # a single one may be of any size
            self.end()
            self._waiting.clear()
            self._count(-self._waiting_bytes)
            self._on_overflow()
            return
        self._waiting.append(framed)
        self._count(len(framed))
        self._stir()

    def end(self) -> None:
        """Close the stream once what waits was sent."""
        self._is_ending = True
        self._stir()

    async def run(self, receive: Receive, send: Send) -> None:
        """Send until the stream ends or the client leaves."""
        leaving = asyncio.ensure_future(_until_gone(receive))
        leaving.add_done_callback(lambda _: self._abandon())
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
            self._count(-self._waiting_bytes)

    async def _something_to_send(self) -> None:
        loop = asyncio.get_running_loop()
        self._wake = loop.create_future()
        timer = loop.call_later(self._keep_alive_s, self.push, self._keep_alive)
        try:
            await self._wake
        finally:
            timer.cancel()
            self._wake = None

    def _next_chunk(self) -> bytes:
        parts, size = [], 0
        while self._waiting and size < CHUNK_BYTES:
            parts.append(self._waiting.popleft())
            size += len(parts[-1])
        self._count(-size)
        return b"".join(parts)

    def _count(self, size: int) -> None:
        self._waiting_bytes += size
        self._holdings.add(size)

    def _abandon(self) -> None:
        self._waiting.clear()
        self.end()

    def _stir(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
