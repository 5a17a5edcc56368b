"""What the broker needs of the link to one worker, whoever speaks ZeroMQ's protocol on it."""

from typing import Protocol


class LinkError(Exception):
    """The link cannot be made, or what came over it is against the protocol."""


class LinkLostError(Exception):
    """Nobody is at the other end: not yet, or not any more."""


class Link(Protocol):
    """One worker's connection, from the moment that its process is waited for. Nothing here ever waits.

    What comes from the worker is never held beyond one frame of the greatest length; what waits to be sent to it is
    bounded by whoever gives out calls, and ends with its deadline.
    """

    @property
    def fd(self) -> int:
        """Readable when `receive` has something to tell."""

    @property
    def hides_signals(self) -> bool:
        """Whether `fd` signals changes alone, and sending may take a signal away: then it needs a look afterwards."""

    @property
    def may_give_more(self) -> bool:
        """Whether `receive`, which has just given a frame, may have another one; if not, `fd` tells when it has."""

    def send(self, frame: bytes) -> None:
        """Hand over one frame; what the worker does not take yet follows when it does.

        Raises:
            LinkLostError: there is nobody to take it.
        """

    def receive(self) -> bytes | bytearray | memoryview | None:
        """The next frame, where one has arrived: call it until it has nothing more to give.

        Raises:
            LinkError: what came is against the protocol, or a part of a longer message, which no worker sends.
            LinkLostError: nothing arrives any more.
        """

    def needs_a_look(self) -> bool:
        """Whether `receive` has something to tell, though the descriptor may not show it."""

    def unlink(self) -> None:
        """Take the endpoint out of the file system; the link itself stays."""

    def close(self) -> None:
        """End the link and free what it buffered."""


class Links(Protocol):
    """The endpoints of one server, in a folder of their own."""

    max_frame_bytes: int
    """Of those that listen from now on."""
    max_body_bytes: int
    """Likewise, of what an answer says beside a text or blocks; as much as a frame, until it is bounded."""

    def endpoint(self) -> str:
        """A fresh path for one worker."""

    def listen(self, endpoint: str, pid: int) -> Link:
        """Bind `endpoint` for the process `pid` alone.

        Raises:
            LinkError: that is not possible.
        """

    def close(self) -> None:
        """Every link should be closed before; one that is not holds nothing up."""
