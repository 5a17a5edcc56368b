"""Requests that a client sends without waiting for answers: how much of them is read ahead, and how it is held back.

Requests that wait for those before them cost a hundred times their bytes once they are parsed, and the shortest has 18
bytes. So no more is parsed while some wait, and nothing more is read while something is held back.
"""

from filewarden.transports.http.uvicorn_parts import FlowControl

AT_ONCE = 32
"""Requests that may end in what is parsed at once; where it could be more, little is parsed at once."""
LITTLE_BYTES = 1024
_HEAD_END = b"\r\n\r\n"


class Backlog(FlowControl):
    """The flow of one connection, as uvicorn has it, and what came over it and is not parsed yet."""

    held = b""

    def hold(self, data: bytes) -> None:
        """Keep it for later, after what is kept already."""
        if data:
            self.held += data
            self.pause_reading()

    def release(self) -> bytes:
        """What is to be parsed now; reading goes on."""
        held, self.held = self.held, b""
        self.resume_reading()
        return held

    def resume_reading(self) -> None:
        """Read on, unless something is held back: whoever waits for the body of an earlier request asks for this."""
        if not self.held:
            super().resume_reading()


def cut(data: bytes) -> tuple[bytes, bytes]:
    """What may be parsed at once, and the rest."""
    size = len(data) if data.count(_HEAD_END) <= AT_ONCE else LITTLE_BYTES
    return data[:size], data[size:]
