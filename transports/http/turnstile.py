"""Requests that have been read, and are let in by turns: principals in turn, and the senders of each in turn. Pure.

The loop takes what is ready in the order in which it was ready, so that a burst would be served whole before the next
request. Here a request of somebody else waits for a few others, not for all of them. What waits is bounded: each
connection has one request here, and holds back the next. Those of whom nothing is known yet count as one principal.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable

Action = Callable[[], object]

AT_ONCE = 4
"""How many requests are let in before the loop looks for what else is ready: they take it less than a millisecond."""


class Turnstile:
    """Lets in `AT_ONCE` requests in each turn of the loop; `later` runs an action in the next one."""

    def __init__(self, later: Callable[[Action], object]) -> None:
        self._later = later
        self._rows: OrderedDict[Hashable, OrderedDict[Hashable, deque[Action]]] = OrderedDict()
        """By principal and sender, whoever's turn it is first."""
        self._left = AT_ONCE
        self._is_turning = False

    def enter(self, principal: Hashable, sender: Hashable, action: Action) -> None:
        """Run `action` now, or when it is the turn of its sender, whose actions stay in their order."""
        if not self._is_turning:
            self._is_turning = True
            self._later(self._turn)
        if self._left and not self._rows:
            self._left -= 1
            action()
            return
        senders = self._rows.get(principal)
        if senders is None:
            senders = self._rows[principal] = OrderedDict()
        senders.setdefault(sender, deque()).append(action)

    def _turn(self) -> None:
        self._is_turning = False
        self._left = AT_ONCE
        if not self._rows:
            return
        self._is_turning = True
        self._later(self._turn)
        while self._left and self._rows:
            self._left -= 1
            self._next()()

    def _next(self) -> Action:
        principal, senders = self._rows.popitem(last=False)
        sender, row = senders.popitem(last=False)
        action = row.popleft()
        if row:
            senders[sender] = row
        if senders:
            self._rows[principal] = senders
        return action
