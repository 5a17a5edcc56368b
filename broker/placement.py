"""Which worker a waiting call gets: one that has served nobody but its principal (rule 9 of the design).

A worker that was captured by what one caller sent must never see what another one sends. So a worker belongs to the
principal of its first call; it moves to another one only by being replaced, which a warm spare makes instant.
"""

from collections.abc import Callable
from typing import Protocol

from filewarden.broker.call import Call
from filewarden.broker.roster import Roster
from filewarden.broker.worker import Worker


class Room(Protocol):
    """A pool whose idle workers can be replaced."""

    @property
    def roster(self) -> Roster:
        """Its workers."""

    def make_room(self) -> None:
        """Replace the idle worker that has rested longest by one that has served nobody."""


class Placement:
    """One pass over the calls that wait for a pool, in the order in which they should run.

    `may_take_last` says whether a call may have the last worker that is free.
    """

    def __init__(self, room: Room, may_take_last: Callable[[Call], bool] = lambda _call: True) -> None:
        self._room = room
        self._may_take_last = may_take_last
        self._starved: set[str] = set()
        """The principals that were passed over: each gets the next worker that has served nobody."""
        self.worker: Worker | None = None
        """Where the call runs that `fits` has just found to fit."""

    def fits(self, call: Call) -> bool:
        """Whether a worker can take this call now. Where none can and none is on its way, an idle one is replaced."""
        principal = call.principal
        self.worker = None
        found, idle = self._room.roster.idle_for(principal)
        if idle <= 1 and not self._may_take_last(call):
            return False
        self.worker = found
        if found is None and principal not in self._starved:
            if self._room.roster.coming() <= len(self._starved):
                self._room.make_room()
                self.worker, _ = self._room.roster.idle_for(principal)
            if self.worker is None:
                self._starved.add(principal)
        return self.worker is not None
