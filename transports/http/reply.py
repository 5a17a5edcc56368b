"""What will answer a request, once that is known: a document, or a stream of events."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from starlette.types import Receive, Send

from filewarden.transports.http.answer import Answer, send_answer
from filewarden.transports.http.streams import until_gone

WATCH_AFTER_S = 0.05
"""From when on it is noticed that the client has left: most answers need no watch."""


class Reply(Protocol):
    """One of them."""

    plain: Answer | None
    """The whole answer, where it is no stream."""

    @property
    def ends_with_client(self) -> bool:
        """Whether nothing is to be done any more once the client has left."""

    @property
    def stream(self) -> object:
        """The stream, or None."""

    @property
    def is_decided(self) -> bool:
        """Whether it is known what this is: an answer, a stream, or abandoned."""

    def when_decided(self, action: Callable[[], object]) -> None:
        """Run `action` once it is known what this is, at once where it is."""

    async def decision(self) -> None:
        """Wait until it is known what this is."""

    def abandon(self) -> None:
        """Nobody waits for the answer any more."""

    def carry(self, receive: Receive, send: Send) -> Awaitable[None]:
        """Send the stream, until it ends or the client leaves."""

    def close(self) -> None:
        """Everything is sent, or will not be."""


ReplyTo = Callable[[bytes], Answer | Reply]
"""Begins to answer a body."""


async def deliver(reply: Answer | Reply, receive: Receive, send: Send) -> None:
    """Send it through ASGI, whatever it will be."""
    if isinstance(reply, Answer):
        await send_answer(send, reply)
        return
    try:
        if not reply.is_decided:
            await _decision(reply, receive)
        if reply.plain is not None:
            await send_answer(send, reply.plain)
        elif reply.stream is not None:
            await reply.carry(receive, send)
    finally:
        reply.close()


async def _decision(reply: Reply, receive: Receive) -> None:
    """Wait for it, but where it ends with its client no longer than the client does."""
    if not reply.ends_with_client:
        await reply.decision()
        return
    watches: list[asyncio.Task[None]] = []

    def watch() -> None:
        watches.append(asyncio.ensure_future(until_gone(receive)))
        watches[0].add_done_callback(lambda task: None if task.cancelled() else reply.abandon())

    timer = asyncio.get_running_loop().call_later(WATCH_AFTER_S, watch)
    try:
        await reply.decision()
    finally:
        timer.cancel()
        for each in watches:
            each.cancel()
