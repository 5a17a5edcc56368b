"""Roots whose file system hangs: calls to them are refused at once instead of each costing a worker. Pure.

A call that hangs in a dead mount is ended by ending its worker. But a process that waits in the kernel for a server
that is gone may not even die (state D: NFS, FUSE): it stays, condemned, until the mount comes back. A few of those in
one root open the breaker for that root; too many in all open it for every root that has any. The deaths tell that the
mount is back: once they are few again, a call a second is let through, and the first answer closes the breaker.
"""

from collections import Counter
from collections.abc import Iterable

from filewarden.broker.backoff import Breaker

MOST_STUCK_IN_ROOT = 3
MOST_STUCK = 8
"""In all roots together: what condemned processes may cost in memory and descriptors."""
PROBE_EVERY_S = 1.0


class HungRoots:
    """The breakers that are not closed, by root. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._breakers: dict[str, Breaker] = {}
        self._probe_at: dict[str, float] = {}

    def __bool__(self) -> bool:
        return bool(self._breakers)

    @property
    def names(self) -> tuple[str, ...]:
        """The roots that do not answer."""
        return tuple(sorted(self._breakers))

    def observe(self, stuck: Counter[str]) -> list[str]:
        """So many condemned processes are alive, by the roots of their calls; the roots that are newly closed off."""
        everywhere = sum(stuck.values()) >= MOST_STUCK
        hung = {root for root, count in stuck.items() if everywhere or count >= MOST_STUCK_IN_ROOT}
        for root, breaker in self._breakers.items():
            if breaker is Breaker.OPEN and root not in hung:
                self._breakers[root] = Breaker.HALF_OPEN
        opened = [root for root in hung if self._breakers.get(root) is not Breaker.OPEN]
        self._breakers.update(dict.fromkeys(opened, Breaker.OPEN))
        return sorted(opened)

    def refused(self, roots: Iterable[str], now: float) -> str | None:
        """The root for which a call is to be refused, or None: then it may try."""
        for root in roots:
            match self._breakers.get(root):
                case Breaker.OPEN:
                    return root
                case Breaker.HALF_OPEN if now < self._probe_at.get(root, now):
                    return root
                case Breaker.HALF_OPEN:
                    self._probe_at[root] = now + PROBE_EVERY_S
                case _:
                    pass
        return None

    def answered(self, roots: Iterable[str]) -> list[str]:
        """A worker answered a call to these roots; those of them that are in use again."""
        closed = [root for root in roots if self._breakers.get(root) is Breaker.HALF_OPEN]
        for root in closed:
            del self._breakers[root]
            self._probe_at.pop(root, None)
        return closed
