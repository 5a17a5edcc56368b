"""A transport that sends the head of a response with its body: one system call, and never one without the other."""

import asyncio
from collections.abc import Callable
from typing import Any

from filewarden.transports.http.own_loop import OwnLoop

HEAD = b"HTTP/1.1 "


class GatheringTransport(asyncio.Transport):
    """Holds a head back until the body follows, but only for this turn of the loop: streams begin at once.

    A server that is killed between the two would leave a client with half an answer, which nobody dares to ask again.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop | OwnLoop) -> None:
        super().__init__()
        self.on_unsent: Callable[[], object] | None = None
        """Is told when it is closed and the client has not taken all yet: it may never do that."""
        self._transport = transport
        self._loop = loop
        self._head = b""
        self._turn: asyncio.Handle | None = None
        self._has_ended = False
        """Whether our side is over."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send, what was held back first."""
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None
            head, self._head = self._head, b""
            self._transport.write(head + data)
        elif bytes(data[: len(HEAD)]) == HEAD:
            self._head = bytes(data)
            self._turn = self._loop.call_soon(self._flush)
        else:
            self._transport.write(data)

    def write_whole(self, data: bytes) -> None:
        """Send a response that is all there, unless our side is over: it has had its last one."""
        if self._turn is not None:
            self._flush()
        if not self._has_ended:
            self._transport.write(data)

    def write_eof(self) -> None:
        """End our side."""
        self._flush()
        self._has_ended = True
        self._transport.write_eof()

    def close(self) -> None:
        """Close when everything is sent."""
        self._flush()
        self._transport.close()
        if self.on_unsent is not None and self._transport.get_write_buffer_size():
            self.on_unsent()

    def abort(self) -> None:
        """Close at once."""
        if self._turn is not None:
            self._turn.cancel()
        self._transport.abort()

    def is_closing(self) -> bool:
        """Whether it is closed, or about to be."""
        return self._transport.is_closing()

    def get_write_buffer_size(self) -> int:
        """How much the client has not taken yet, of what was sent."""
        return self._transport.get_write_buffer_size()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What is known of the connection."""
        return self._transport.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Whoever hears of the connection from now on."""
        self._transport.set_protocol(protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Whoever hears of the connection."""
        return self._transport.get_protocol()

    def pause_reading(self) -> None:
        """Take nothing for now."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Take again."""
        self._transport.resume_reading()

    def _flush(self) -> None:
        """Send what was held back, if anything can be sent: what fails in a turn of the loop ends the server."""
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None
            head, self._head = self._head, b""
            if not (self._has_ended or self._transport.is_closing()):
                self._transport.write(head)
