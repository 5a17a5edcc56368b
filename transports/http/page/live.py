"""`GET /status/events`: the status twice a second and the charts every other second, for as long as somebody looks.

All who look share one snapshot. One that reads slowly gets the latest when it has taken the one before, so nothing
piles up for it.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable

import msgspec
from starlette.types import Receive, Scope, Send

from filewarden.broker.protocol.principal import Principal
from filewarden.transports.http.answer import RETRY_AFTER, problem, send_answer
from filewarden.transports.http.fields import fields_of
from filewarden.transports.http.page.sign_in import PageCredential
from filewarden.transports.http.source import Source
from filewarden.transports.http.streams import HEADERS, event, until_gone

PERIOD_S = 0.5
CHARTS_EVERY = 4
"""Periods."""
MOST_VIEWERS = 16
RETRY = b"retry: 1000\n\n"
SILENCE = event(b"silence", b"{}")
"""The server's own thread does not answer the one of its pages."""


class Shared:
    """What is sent to all, made anew when it is older than half a period."""

    def __init__(self, name: bytes, make: Callable[[], msgspec.Struct]) -> None:
        self._name = name
        self._make = make
        self._made_at = float("-inf")
        self._framed = b""

    def framed(self) -> bytes:
        """The event. One that cannot be made is told of."""
        now = time.monotonic()
        if now - self._made_at > PERIOD_S / 2:
            self._made_at = now
            try:
                self._framed = event(self._name, msgspec.json.encode(self._make()))
            except OSError:
                self._framed = SILENCE
        return self._framed


class Live:
    """The endpoint, and everybody who looks."""

    def __init__(self, source: Source, credential: PageCredential) -> None:
        self._credential = credential
        self._status = Shared(b"status", source.status)
        self._timeline = Shared(b"timeline", source.timeline)
        self._viewers: set[asyncio.Event] = set()
        """Each is set when its stream is to end."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the browser leaves, its visit ends or the server does."""
        if len(self._viewers) >= MOST_VIEWERS:
            await send_answer(send, problem(503, "too many pages are open", RETRY_AFTER))
            return
        over = asyncio.Event()
        leaving = asyncio.ensure_future(until_gone(receive))
        leaving.add_done_callback(lambda _: over.set())
        self._viewers.add(over)
        try:
            await self._show(scope, send, over)
        finally:
            self._viewers.discard(over)
            leaving.cancel()

    def close(self) -> None:
        """End every stream; a page tries again, and finds the next server or none."""
        for over in self._viewers:
            over.set()

    async def _show(self, scope: Scope, send: Send, over: asyncio.Event) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        turn = 0
        while not over.is_set() and await self._may_see(scope):
            chunk = self._status.framed() if turn else RETRY + self._status.framed()
            if turn % CHARTS_EVERY == 0:
                chunk += self._timeline.framed()
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            turn += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), PERIOD_S)
        await send({"type": "http.response.body", "body": b""})

    async def _may_see(self, scope: Scope) -> bool:
        """Whether the visit has not ended meanwhile."""
        return isinstance(await self._credential.authenticate(fields_of(scope)), Principal)
