"""The clients that are connected, as an operator sees them. Pure.

A client's name is what it says of itself: it is shown, never believed.
"""

from collections.abc import Callable
from typing import Literal

import msgspec

Transport = Literal["stdio", "http", "sse"]


class Guest(msgspec.Struct, frozen=True, kw_only=True):
    """One connected client. `name` is asked for again each time, for a client tells it when it likes."""

    id: str
    transport: Transport
    principal: str
    name: Callable[[], str]
    since: float
    """Monotonic seconds."""


class Guests:
    """All of them, by the id that limits and the audit log know them by."""

    def __init__(self) -> None:
        self._guests: dict[str, Guest] = {}

    def enter(self, guest: Guest) -> None:
        """It is here from now on."""
        self._guests[guest.id] = guest

    def leave(self, guest_id: str) -> None:
        """It has left; nothing happens when it was not here."""
        self._guests.pop(guest_id, None)

    def all(self) -> list[Guest]:
        """Those that are here, the oldest first."""
        return list(self._guests.values())

    def count(self, transport: Transport) -> int:
        """How many are here."""
        return sum(guest.transport == transport for guest in self._guests.values())
