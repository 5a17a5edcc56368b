"""The TCP connection that a request came over, as far as an endpoint may use it."""

import time
from collections.abc import Callable, Hashable
from typing import Protocol

from starlette.types import Scope

from filewarden.broker.holdings import Holdings
from filewarden.broker.log import Log
from filewarden.transports.http.reply import ReplyTo
from filewarden.transports.http.unread import Unread

SCOPE_KEY = "filewarden.peer"


class Peer(Protocol):
    """One connection."""

    @property
    def number(self) -> int:
        """No other connection of this process has it, before or after."""

    def trust(self, principal: Hashable) -> None:
        """Keep it, though others come: what `principal` has sent over it was let in."""

    def abort(self) -> None:
        """End it at once, whatever still waits to be sent."""

    def when_lost(self, action: Callable[[], None]) -> None:
        """Run `action` once it is closed, by whichever side."""

    def remember(self, scope: Scope, reply_to: ReplyTo, principal: Hashable = None, sender: Hashable = None) -> None:
        """Whatever comes with the very head of this request may be answered by `reply_to` at once, unread.

        Only where everything that was decided by the head holds for as long as the application does. It takes the
        turns of `principal`, and of `sender` where that is more than a connection.
        """


class Nobody:
    """Stands where the server in front of the application tells nothing of connections."""

    number = 0

    def trust(self, principal: Hashable) -> None:
        """Nothing can be done."""

    def abort(self) -> None:
        """Nothing can be done."""

    def when_lost(self, action: Callable[[], None]) -> None:
        """Nobody knows when, so it is taken as closed already."""
        action()

    def remember(self, scope: Scope, reply_to: ReplyTo, principal: Hashable = None, sender: Hashable = None) -> None:
        """Nothing is known of the next request."""


_NOBODY = Nobody()


def peer_of(scope: Scope) -> Peer:
    """The connection of a request."""
    peer: Peer = scope.get(SCOPE_KEY, _NOBODY)
    return peer


REPEAT_S = 10.0
"""A client can have itself dropped as often as it likes: the first is logged at once, then the sum, so many seconds
apart."""


class SlowReaders:
    """Drops those that do not read their events; `count` is told of each. `now` gives monotonic seconds."""

    def __init__(
        self,
        log: Log,
        holdings: Holdings,
        max_unread_bytes: int,
        count: Callable[[], None] = lambda: None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._count = count
        self._now = now
        self._silent_until = 0.0
        self.unread = Unread(holdings, max_unread_bytes)
        self.dropped = 0

    def drop(self, peer: Peer) -> None:
        """End the connection of one that left too much waiting."""
        self.dropped += 1
        self._count()
        now = self._now()
        if now >= self._silent_until:
            self._silent_until = now + REPEAT_S
            self._log.warning("a client that did not read its events was dropped", dropped=self.dropped)
        peer.abort()
