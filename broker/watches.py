"""Who hears of which changes: subscriptions to files and folders, and the watcher processes behind them.

For the protocol (resources/subscribe, subscriptions/listen):

    subscription = watches.subscribe(caller.principal.key, path, on_change=..., on_result=...)
    subscription = watches.subscribe_lists(caller.principal.key, on_change=..., on_result=...)
    watches.unsubscribe(subscription)

`path` is a client's path as any tool takes it. `on_result` gets None once nothing can be missed any more, or a
`Failed` that says why it is not watched (not there, closed, too many, not possible on this system); it is called
exactly once, within seconds, never before `subscribe` has returned, and not after `unsubscribe`. `on_change` is called
after that, at most five times a second for one path, also once when a watcher had to be replaced, for something may
have happened meanwhile. A file's change is any: content, attributes, replaced, gone, back. A folder's is that of a name
in it which clients may see, not deeper. `subscribe_lists` is for what comes and goes right in each root. Neither
callback may block; both may subscribe and unsubscribe. Who is gone unsubscribes.

There is one watcher for each principal, started at its first subscription and ended a while after its last one; one
that breaks the protocol, eats memory or does not answer is killed and replaced.
"""

import itertools
from collections.abc import Callable, Sequence
from functools import partial

from filewarden.broker.crew import Crew
from filewarden.broker.lookout import Lookout
from filewarden.broker.protocol.outcome import Failed
from filewarden.broker.reactor import Reactor, Timer
from filewarden.broker.subscription import OnResult, Subscription
from filewarden.workers.errors import Code
from filewarden.workers.watching.watch_wire import PATH_CHARS, Reports

MOST_WATCHERS = 64
"""Principals that watch at the same time: each costs a process."""
TICK_S = 1.0


class Watches:
    """All subscriptions of one server. `roots` are their names, as clients know them."""

    def __init__(self, reactor: Reactor, crew: Crew, roots: Sequence[str], max_watches: int) -> None:
        self._reactor = reactor
        self._crew = crew
        self._lists = _lists(roots)
        self._max_watches = max_watches
        self._numbers = itertools.count(1)
        self._lookouts: dict[str, Lookout] = {}
        self._timer: Timer | None = None
        self._is_closing = False

    def subscribe(
        self, principal: str, path: str, *, on_change: Callable[[], None], on_result: OnResult
    ) -> Subscription:
        """Watch a file or folder. See the head of this module."""
        return self._subscribe(principal, [path], "changes", on_change, on_result)

    def subscribe_lists(self, principal: str, *, on_change: Callable[[], None], on_result: OnResult) -> Subscription:
        """Watch what comes and goes right in the roots."""
        return self._subscribe(principal, self._lists, "names", on_change, on_result)

    def unsubscribe(self, subscription: Subscription) -> None:
        """Hear no more of it; nothing happens when it has ended."""
        subscription.is_over = True
        lookout = self._lookouts.get(subscription.principal)
        if lookout is not None:
            self._crew.guarded(lookout, partial(lookout.remove, subscription, self._reactor.now()))

    def renew(self, crew: Crew, roots: Sequence[str], max_watches: int) -> None:
        """Go on with other watchers, which watch these roots; what is watched counts as changed once they do."""
        self._crew, self._lists, self._max_watches = crew, _lists(roots), max_watches
        for lookout in self._lookouts.values():
            lookout.lost()
            for subscription in lookout.of_lists():
                lookout.renumber(subscription, {next(self._numbers): path for path in self._lists})
            crew.man(lookout)

    def close(self) -> None:
        """Tell nothing any more."""
        self._is_closing = True
        if self._timer is not None:
            self._timer.cancel()
        self._lookouts.clear()

    def _subscribe(
        self,
        principal: str,
        paths: Sequence[str],
        reports: Reports,
        on_change: Callable[[], None],
        on_result: OnResult,
    ) -> Subscription:
        now = self._reactor.now()
        numbered = {next(self._numbers): path for path in paths}
        subscription = Subscription(principal, numbered, reports, on_change, on_result, now)
        refusal = self._refusal(principal, paths)
        if refusal is not None:
            self._reactor.at(now, partial(subscription.settle, refusal))
            return subscription
        lookout = self._lookouts.setdefault(principal, Lookout(principal, now))
        self._crew.guarded(lookout, partial(lookout.add, subscription))
        self._crew.man(lookout)
        self._arm()
        return subscription

    def _refusal(self, principal: str, paths: Sequence[str]) -> Failed | None:
        lookout = self._lookouts.get(principal)
        if self._crew.unfit is not None:
            return self._crew.unfit
        if self._is_closing:
            return Failed(Code.CANCELLED, "The server is shutting down.", {})
        if any(len(path) > PATH_CHARS for path in paths):
            return Failed(Code.INVALID_ARGUMENT, f"A path may have {PATH_CHARS} characters.", {})
        if lookout is None and len(self._lookouts) >= MOST_WATCHERS:
            return Failed(Code.OVERLOADED, "Too many others are watching. Try again later.", {})
        if lookout is not None and lookout.count + len(paths) > self._max_watches:
            sentence = (
                f"Too much is watched already (limits.max_watches = {self._max_watches}). Give something up first."
            )
            return Failed(Code.OVERLOADED, sentence, {})
        return None

    def _arm(self) -> None:
        if self._timer is None and self._lookouts and not self._is_closing:
            self._timer = self._reactor.at(self._reactor.now() + TICK_S, self._tick)

    def _tick(self) -> None:
        """See whether everybody is at work, and who is needed no more."""
        self._timer = None
        now = self._reactor.now()
        self._crew.examine(now)
        for principal, lookout in tuple(self._lookouts.items()):
            if lookout.is_over(now):
                del self._lookouts[principal]
                self._crew.dismiss(lookout)
                continue
            if self._crew.unfit is not None:
                self._crew.guarded(lookout, partial(lookout.refuse_all, self._crew.unfit))
            self._crew.guarded(lookout, partial(lookout.tick, now))
            self._crew.man(lookout)
        self._arm()


def _lists(roots: Sequence[str]) -> list[str]:
    """The folders whose names are the list of resources, as clients name them."""
    return list(roots) if len(roots) > 1 else ["."]
