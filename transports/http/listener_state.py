"""What all connections of a listener know: uvicorn's state, and the fields that each answer has."""

import itertools
from collections import Counter
from collections.abc import Hashable
from typing import Protocol

from filewarden.transports.http.answer import CLOSE, Header
from filewarden.transports.http.date import NAME as DATE, date_now
from filewarden.transports.http.uvicorn_parts import ServerState

MOST_PER_STRANGER = 4
"""Connections beyond their principal's share that outnumber the strangers so much make way before them."""


class Place(Protocol):
    """A connection, as far as another one may need its place."""

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is under way on it."""

    def make_way(self) -> None:
        """End it, for another one."""


class ListenerState(ServerState):
    """Counts connections and tasks as uvicorn has it."""

    is_leaving = False
    """Whether each connection ends with its next answer."""

    def __init__(self) -> None:
        super().__init__()
        self._strangers: dict[Place, None] = {}
        """Connections over which nobody has sent a credential yet, the oldest first."""
        self._surplus: dict[Place, Hashable] = {}
        """Those that a principal has beyond its share, and whose each is, the oldest first."""
        self._owners: dict[Place, Hashable] = {}
        """Whose each of the others is: it is kept, though others come."""
        self._shares: Counter[Hashable] = Counter()
        """How many each of them has."""

    def came(self, connection: Place) -> None:
        """It is open, and a stranger's."""
        self._strangers[connection] = None

    def trust(self, connection: Place, principal: Hashable, most: int) -> None:
        """What was sent over it was let in: it is kept, unless its principal has `most` of them already."""
        if connection in self._owners:
            return
        self._strangers.pop(connection, None)
        if self._shares[principal] >= most:
            self._surplus[connection] = principal
            return
        self._keep(connection, principal)

    def went(self, connection: Place) -> None:
        """It is closed, or about to be; what its principal has beyond its share takes its place there."""
        self._strangers.pop(connection, None)
        self._surplus.pop(connection, None)
        owner = self._owners.pop(connection, None)
        if owner is None:
            return
        self._shares[owner] -= 1
        if not self._shares[owner]:
            del self._shares[owner]
        heir = next((each for each, principal in self._surplus.items() if principal == owner), None)
        if heir is not None:
            self._keep(heir, owner)

    def _keep(self, connection: Place, principal: Hashable) -> None:
        self._surplus.pop(connection, None)
        self._owners[connection] = principal
        self._shares[principal] += 1

    def displace(self) -> bool:
        """End a connection that is not kept, the one that loses least by it; whether there was one.

        What rests and is beyond its principal's share goes first, and last what such a one is in the middle of: anybody
        can come as a stranger, and is not to end many requests by that. But some strangers are left in peace: were
        there room for one, each that comes would end the one before, which had no time yet to send a credential.
        """
        resting = (each for each in self._surplus if each.is_at_rest)
        are_strangers_few = len(self._surplus) >= MOST_PER_STRANGER * len(self._strangers)
        others = (self._surplus, self._strangers) if are_strangers_few else (self._strangers, self._surplus)
        found = next(itertools.chain(resting, *others), None)
        if found is None:
            return False
        self.went(found)
        found.make_way()
        return True

    @property
    def default_headers(self) -> list[Header]:
        """The fields of an answer that begins now."""
        dated = (DATE, date_now())
        return [dated, CLOSE] if self.is_leaving else [dated]

    @default_headers.setter
    def default_headers(self, _none: list[Header]) -> None:
        """It has none of its own."""
