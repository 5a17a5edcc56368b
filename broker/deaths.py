"""The workers of a pool that were ended or have crashed, until all is known of their ends. Pure."""

from collections import OrderedDict
from typing import NamedTuple

from filewarden.broker.call import Call
from filewarden.broker.exits import REMEMBERED_CRASHES

STUCK_AFTER_S = 1.0
"""How long a killed process may take to die: freeing a worker's memory takes milliseconds."""


class _Condemned(NamedTuple):
    """A worker that was killed: when, and what it ran."""

    at: float
    call: Call | None


class Deaths:
    """By the numbers of the workers. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._condemned: dict[int, _Condemned] = {}
        """Those that were killed and are not known to be dead."""
        self._crashed: OrderedDict[int, Call] = OrderedDict()
        """The calls of the latest that crashed, until it is known what they died of."""

    def condemned(self, serial: int, call: Call | None, now: float) -> None:
        """One was killed, which ran `call`."""
        self._condemned[serial] = _Condemned(now, call)

    def buried(self, serial: int) -> None:
        """One is dead."""
        self._condemned.pop(serial, None)

    def stuck(self, now: float) -> list[Call | None]:
        """The calls of those that were killed and have not died in the time that this takes."""
        return [each.call for each in self._condemned.values() if now - each.at > STUCK_AFTER_S]

    def crashed(self, serial: int, call: Call) -> None:
        """One has crashed, which ran `call`."""
        self._crashed[serial] = call
        while len(self._crashed) > REMEMBERED_CRASHES:
            self._crashed.popitem(last=False)

    def nobody_explains(self) -> None:
        """It will never become known what those died of that have crashed."""
        self._crashed.clear()

    def explained(self, serial: int) -> Call | None:
        """It has become known what one died of: the call that it ran, if it has crashed and nobody was told."""
        return self._crashed.pop(serial, None)
