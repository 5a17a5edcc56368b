"""Where a transport takes what a conversation has to say."""

from typing import Protocol

from filewarden.broker.protocol.long_text import Reply


class Sink(Protocol):
    """Where what one frame of a client leads to is sent."""

    def send(self, frame: bytes) -> None:
        """A request of ours, or what else must arrive: any number, before the answer."""

    def tell(self, frame: bytes) -> None:
        """A notification that nothing depends on, likewise; a client that does not read may have to do without."""

    def answer(self, reply: Reply | None, status: int) -> None:
        """What answers, or None when nothing is to be sent; called exactly once.

        A long one may be made while it is written. `status` is what goes with it over HTTP.
        """
