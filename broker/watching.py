"""The resources that one conversation, or one subscription of it, is told of: from addresses to a watcher's word.

A worker says which paths the addresses name; a watcher watches those. The front-end looks into neither.
"""

from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from filewarden.broker.caller import Caller
from filewarden.broker.dispatcher import Dispatcher
from filewarden.broker.protocol.outcome import Failed, Outcome, Succeeded
from filewarden.broker.subscription import Subscription
from filewarden.broker.watches import Watches
from filewarden.workers.errors import Code
from filewarden.workers.operations import LocatedResources, LocateResources
from filewarden.workers.tool import Tool

OnChange = Callable[[str], None]
"""Gets the address of what has changed."""
Told = Callable[[str, Failed | None], None]
"""Gets an address, and None once it is watched, or why it is not."""


class Lookouts(msgspec.Struct, frozen=True):
    """What resources are watched with, for one caller. `operation` locates them."""

    watches: Watches
    dispatcher: Dispatcher
    operation: Tool
    caller: Caller

    def lists(self, on_change: Callable[[], None], on_result: Callable[[Failed | None], None]) -> Callable[[], None]:
        """Watch what is listed; calling what is returned ends it."""
        key = self.caller.principal.key
        subscription = self.watches.subscribe_lists(key, on_change=on_change, on_result=on_result)
        return partial(self.watches.unsubscribe, subscription)


class _Watched:
    """One address."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.waiting: list[Told] = []
        self.subscription: Subscription | None = None
        self.is_watched = False
        self.is_over = False
        self.asked: LocateResources | None = None
        """The latest question where it lies: what an earlier one is answered with means nothing."""


class WatchedResources:
    """A set of addresses; `on_change` hears of each, from when it is told to be watched until it is removed."""

    def __init__(self, lookouts: Lookouts, on_change: OnChange) -> None:
        self._lookouts = lookouts
        self._on_change = on_change
        self._watched: dict[str, _Watched] = {}

    def __len__(self) -> int:
        return len(self._watched)

    def __contains__(self, uri: str) -> bool:
        return uri in self._watched

    def add(self, uris: Sequence[str], told: Told) -> None:
        """Watch addresses, each of which is told of once; it may happen at once, and never after `close`."""
        new = [uri for uri in dict.fromkeys(uris) if uri not in self._watched]
        self._watched.update({uri: _Watched(uri) for uri in new})
        for uri in dict.fromkeys(uris):
            watched = self._watched[uri]
            if watched.is_watched:
                told(uri, None)
            else:
                watched.waiting.append(told)
        if new:
            self._locate([self._watched[uri] for uri in new])

    def remove(self, uri: str) -> None:
        """End one; whoever waits for it hears that it was watched."""
        watched = self._watched.pop(uri, None)
        if watched is not None:
            self._end(watched)
            for told in watched.waiting:
                told(uri, None)

    def relocate(self) -> None:
        """Watch each where it lies now: paths are told otherwise with other roots. What is gone is watched no more."""
        watched = list(self._watched.values())
        for each in watched:
            if each.subscription is not None:
                self._lookouts.watches.unsubscribe(each.subscription)
                each.subscription = None
        if watched:
            self._locate(watched)

    def close(self) -> None:
        """End all, and tell nothing more."""
        for watched in self._watched.values():
            self._end(watched)
        self._watched.clear()

    def _end(self, watched: _Watched) -> None:
        watched.is_over = True
        if watched.subscription is not None:
            self._lookouts.watches.unsubscribe(watched.subscription)

    def _locate(self, new: list[_Watched]) -> None:
        lookouts = self._lookouts
        arguments = LocateResources(tuple(watched.uri for watched in new))
        for watched in new:
            watched.asked = arguments
        lookouts.dispatcher.submit(
            lookouts.caller, lookouts.operation, arguments, partial(self._located, new, arguments)
        )

    def _located(self, new: list[_Watched], asked: LocateResources, outcome: Outcome) -> None:
        failure = outcome if isinstance(outcome, Failed) else _NOT_THERE
        paths: tuple[str | None, ...] = ()
        if isinstance(outcome, Succeeded) and isinstance(outcome.result, LocatedResources):
            paths = outcome.result.paths
        for number, watched in enumerate(new):
            path = paths[number] if number < len(paths) else None
            if watched.is_over or watched.asked is not asked:
                continue
            if path is None:
                self._settle(watched, failure)
            else:
                self._watch(watched, path)

    def _watch(self, watched: _Watched, path: str) -> None:
        watched.subscription = self._lookouts.watches.subscribe(
            self._lookouts.caller.principal.key,
            path,
            on_change=partial(self._on_change, watched.uri),
            on_result=partial(self._settle, watched),
        )

    def _settle(self, watched: _Watched, failure: Failed | None) -> None:
        was_watched = watched.is_watched
        if failure is None:
            watched.is_watched = True
        else:
            del self._watched[watched.uri]
        if was_watched:  # it lies elsewhere, or nowhere any more, and nobody has looked meanwhile
            self._on_change(watched.uri)
        waiting, watched.waiting = watched.waiting, []
        for told in waiting:
            told(watched.uri, failure)


_NOT_THERE = Failed(Code.NOT_FOUND, "Resource not found", {})
