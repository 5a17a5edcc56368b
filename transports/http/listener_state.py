"""What all connections of a listener know: uvicorn's state, and the fields that each answer has."""

from typing import Protocol

from filewarden.transports.http.answer import CLOSE, Header
from filewarden.transports.http.date import NAME as DATE, date_now
from filewarden.transports.http.uvicorn_parts import ServerState


class Stranger(Protocol):
    """A connection over which nobody has sent a credential yet."""

    def make_way(self) -> None:
        """End it, for another one."""


class ListenerState(ServerState):
    """Counts connections and tasks as uvicorn has it."""

    is_leaving = False
    """Whether each connection ends with its next answer."""

    def __init__(self) -> None:
        super().__init__()
        self.strangers: dict[Stranger, None] = {}
        """The oldest first."""

    def displace(self) -> bool:
        """End the stranger that has come first; whether there was one."""
        oldest = next(iter(self.strangers), None)
        if oldest is None:
            return False
        del self.strangers[oldest]
        oldest.make_way()
        return True

    @property
    def default_headers(self) -> list[Header]:
        """The fields of an answer that begins now."""
        dated = (DATE, date_now())
        return [dated, CLOSE] if self.is_leaving else [dated]

    @default_headers.setter
    def default_headers(self, _none: list[Header]) -> None:
        """It has none of its own."""
