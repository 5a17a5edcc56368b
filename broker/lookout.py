"""One principal's subscriptions and its watcher's word on them. Pure but for the frames it sends.

Theory. The watcher comes and goes; the subscriptions stay. Whenever a watcher is ready, it is asked for everything that
is subscribed. What was watched before counts as changed then, for nobody can tell what has happened in between. A
watcher is as untrusted as a worker: it may name what was asked of it and nothing else, and not too often.
"""

from filewarden.broker.process import Violation
from filewarden.broker.protocol.outcome import Failed
from filewarden.broker.subscription import Subscription
from filewarden.broker.watcher import Told, Watcher
from filewarden.workers import wire
from filewarden.workers.errors import Code
from filewarden.workers.watching.watch_wire import Changed, Ping, Pong, Unwatch, Unwatchable, Watch, Watched

ANSWER_S = 5.0
"""How long a ping or a subscription may go unanswered."""
PING_EVERY_S = 10.0
GRACE_S = 10.0
"""How long a watcher with nothing to watch is kept: clients subscribe anew when they reconnect."""
CHANGES_A_SECOND = 20
"""An honest watcher gathers for a fifth of a second."""


class Lookout:
    """What one principal watches."""

    def __init__(self, principal: str, now: float) -> None:
        self.principal = principal
        self.watcher: Watcher | None = None
        self._subscriptions: dict[int, Subscription] = {}
        self._highest = 0
        """The highest number that this watcher was asked for: it may still name what was given up meanwhile."""
        self._owed = 0
        """How many answers to what it was asked for this watcher may still give: one each."""
        self._idle_since = now
        self._pinged_at: float | None = None
        self._next_ping = 0.0
        self._second = 0
        self._changes = 0

    @property
    def count(self) -> int:
        """How many paths are subscribed."""
        return len(self._subscriptions)

    def is_over(self, now: float) -> bool:
        """Whether nobody has wanted anything for a while."""
        return not self._subscriptions and now - self._idle_since > GRACE_S

    def add(self, subscription: Subscription) -> None:
        """Watch its paths, now or when there is a watcher; raises LinkLost."""
        self._subscriptions |= dict.fromkeys(subscription.paths, subscription)
        if self.watcher is not None and self.watcher.ready_at is not None:
            self._ask_for(subscription)

    def remove(self, subscription: Subscription, now: float) -> None:
        """Forget it; raises LinkLost."""
        known = [watch for watch in subscription.paths if self._subscriptions.pop(watch, None) is not None]
        if not self._subscriptions:
            self._idle_since = now
        for watch in known:  # last, for the link may be lost
            self._unwatch(watch)

    def of_lists(self) -> list[Subscription]:
        """Those to what comes and goes in the roots."""
        return [each for each in self._all() if each.reports == "names"]

    def renumber(self, subscription: Subscription, paths: dict[int, str]) -> None:
        """Watch these paths instead, with the next watcher."""
        for watch in subscription.paths:
            self._subscriptions.pop(watch, None)
        subscription.paths = paths
        self._subscriptions |= dict.fromkeys(paths, subscription)

    def began(self, watcher: Watcher) -> None:
        """A watcher is being started."""
        self.watcher = watcher
        self._highest = self._owed = 0
        self._pinged_at = None

    def ready(self, now: float) -> None:
        """The watcher is confined: ask it for everything; raises LinkLost."""
        self._next_ping = now + PING_EVERY_S
        for subscription in self._all():
            subscription.waiting = set(subscription.paths)
            self._ask_for(subscription)

    def lost(self) -> None:
        """The watcher is gone."""
        self.watcher = None

    def refuse_all(self, failure: Failed) -> None:
        """Nothing can be watched: tell those that wait for a result."""
        for subscription in self._all():
            self._refuse(subscription, failure)

    def heard(self, frame: Told, now: float) -> None:
        """Act on what the watcher says.

        Raises:
            Violation: no honest watcher says it.
            LinkLost: it does not take what has to be said to it.
        """
        match frame:
            case Watched(watch=watch):
                self._count_answer()
                self._watched(self._named(watch), watch)
            case Unwatchable(watch=watch):
                self._count_answer()
                subscription = self._named(watch)
                if subscription is not None:
                    self._refuse(subscription, Failed(frame.code, frame.message, {}))
            case Changed():
                self._count_change(now)
                for subscription in {id(each): each for each in map(self._named, frame.watches) if each}.values():
                    subscription.change()
            case Pong():
                if self._pinged_at is None:
                    raise Violation("an answer that nobody has asked for")
                self._pinged_at = None

    def tick(self, now: float) -> None:
        """See whether the watcher is there.

        Raises:
            Violation: it does not answer.
            LinkLost: it does not take the question.
        """
        for subscription in self._all():
            if subscription.is_pending and now - subscription.asked_at > ANSWER_S:
                self._refuse(subscription, _TOO_LATE)
        if self.watcher is None or self.watcher.ready_at is None:
            return
        if self._pinged_at is not None and now - self._pinged_at > ANSWER_S:
            raise Violation("it does not answer")
        if now >= self._next_ping:
            self._next_ping = now + PING_EVERY_S
            self._pinged_at = now
            self.watcher.send(wire.pack(Ping()))
            for subscription in self._all():
                if not subscription.is_pending:  # what was refused after a restart may be possible by now
                    self._ask_for(subscription)

    def _all(self) -> list[Subscription]:
        return list({id(each): each for each in self._subscriptions.values()}.values())

    def _ask_for(self, subscription: Subscription) -> None:
        if self.watcher is None:
            return
        for watch in sorted(subscription.waiting):
            message = Watch(watch, subscription.paths[watch], subscription.reports, subscription.is_pending)
            self._highest = max(self._highest, watch)
            self._owed += 1
            self.watcher.send(wire.pack(message))

    def _unwatch(self, watch: int) -> None:
        if self.watcher is not None and watch <= self._highest:
            self.watcher.send(wire.pack(Unwatch(watch)))

    def _named(self, watch: int) -> Subscription | None:
        if not 0 < watch <= self._highest:
            raise Violation("it names what it was not asked for")
        return self._subscriptions.get(watch)

    def _watched(self, subscription: Subscription | None, watch: int) -> None:
        if subscription is None or watch not in subscription.waiting:
            return
        subscription.waiting.discard(watch)
        if not subscription.is_pending:
            subscription.change()
        elif not subscription.waiting:
            subscription.settle(None)

    def _refuse(self, subscription: Subscription, failure: Failed) -> None:
        """One that never was watched ends; one that was stays, and is asked for again later."""
        if not subscription.is_pending:
            return
        for watch in subscription.paths:
            self._subscriptions.pop(watch, None)
        subscription.settle(failure)
        for watch in subscription.paths:  # last, for the link may be lost
            self._unwatch(watch)

    def _count_answer(self) -> None:
        self._owed -= 1
        if self._owed < 0:
            raise Violation("it answers more than it was asked")

    def _count_change(self, now: float) -> None:
        if int(now) != self._second:
            self._second, self._changes = int(now), 0
        self._changes += 1
        if self._changes > CHANGES_A_SECOND:
            raise Violation("it tells of changes too often")


_TOO_LATE = Failed(Code.TIMEOUT, "Timeout: nothing can be watched just now. Try again later.", {})
