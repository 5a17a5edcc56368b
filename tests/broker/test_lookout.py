"""One principal's subscriptions, with a watcher that is played by hand."""

from itertools import count

import pytest

from filewarden.broker.lookout import ANSWER_S, CHANGES_A_SECOND, GRACE_S, PING_EVERY_S, Lookout
from filewarden.broker.process import LinkLost, Violation
from filewarden.broker.protocol.outcome import Failed
from filewarden.broker.subscription import Subscription
from filewarden.broker.watcher import Watcher
from filewarden.workers.errors import Code
from filewarden.workers.watching.watch_wire import (
    Changed,
    Ping,
    Pong,
    ToWatcher,
    Unwatch,
    Unwatchable,
    Watch,
    Watched,
    unpack_to_watcher,
)

_numbers = count(1)


class Played(Watcher):
    """A watcher without a process; what it is told is kept."""

    def __init__(self) -> None:
        super().__init__(1, "", 0.0)
        self.told: list[ToWatcher] = []
        self.is_gone = False

    def send(self, frame: bytes) -> None:
        if self.is_gone:
            raise LinkLost
        self.told.append(unpack_to_watcher(frame))

    def heard(self) -> list[ToWatcher]:
        told, self.told = self.told, []
        return told


class Client:
    """Who subscribes, and what became of it."""

    def __init__(self, *paths: str, now: float = 0.0) -> None:
        self.results: list[Failed | None] = []
        self.changes = 0
        numbered = {next(_numbers): path for path in paths}
        self.subscription = Subscription("me", numbered, "changes", self.change, self.results.append, now)

    def change(self) -> None:
        self.changes += 1

    @property
    def watches(self) -> list[int]:
        return list(self.subscription.paths)


@pytest.fixture
def lookout() -> Lookout:
    return Lookout("me", 0.0)


def man(lookout: Lookout, now: float = 0.0) -> Played:
    watcher = Played()
    lookout.began(watcher)
    watcher.ready_at = now
    lookout.ready(now)
    return watcher


@pytest.fixture
def client(lookout: Lookout) -> Client:
    """Somebody whose one path is subscribed before there is a watcher."""
    client = Client("a.txt")
    lookout.add(client.subscription)
    return client


def test_what_was_subscribed_before_and_after_is_asked_for_once(lookout: Lookout, client: Client) -> None:
    watcher, later = man(lookout), Client("b.txt")
    lookout.add(later.subscription)
    assert watcher.heard() == [
        Watch(client.watches[0], "a.txt", "changes", must_exist=True),
        Watch(later.watches[0], "b.txt", "changes", must_exist=True),
    ]
    lookout.tick(1.0)
    assert not watcher.heard()


def test_a_result_comes_when_all_paths_are_watched_and_changes_only_after_it(lookout: Lookout) -> None:
    client = Client("one", "two")
    lookout.add(client.subscription)
    man(lookout)
    first, second = client.watches
    lookout.heard(Watched(first), 0.0)
    lookout.heard(Changed((first,)), 0.0)
    assert (client.results, client.changes) == ([], 0)
    lookout.heard(Watched(second), 0.0)
    assert client.results == [None]
    lookout.heard(Changed((first, second)), 0.0)
    assert client.changes == 1


def test_one_path_that_cannot_be_watched_refuses_them_all(lookout: Lookout) -> None:
    client = Client("one", "two")
    lookout.add(client.subscription)
    watcher = man(lookout)
    first, second = client.watches
    lookout.heard(Watched(first), 0.0)
    watcher.heard()
    lookout.heard(Unwatchable(second, Code.NOT_FOUND, "not there"), 0.0)
    assert client.results == [Failed(Code.NOT_FOUND, "not there", {})]
    assert watcher.heard() == [Unwatch(first), Unwatch(second)]
    assert lookout.count == 0


def test_after_a_restart_everything_is_asked_for_again_and_counts_as_changed(lookout: Lookout, client: Client) -> None:
    man(lookout)
    (number,) = client.watches
    lookout.heard(Watched(number), 0.0)
    lookout.lost()
    watcher = man(lookout)
    assert watcher.heard() == [Watch(number, "a.txt", "changes", must_exist=False)]
    lookout.heard(Watched(number), 0.0)
    assert (client.results, client.changes) == ([None], 1)


def test_what_cannot_be_watched_again_is_asked_for_until_it_can(lookout: Lookout, client: Client) -> None:
    man(lookout)
    (number,) = client.watches
    lookout.heard(Watched(number), 0.0)
    watcher = man(lookout)
    lookout.heard(Unwatchable(number, Code.OVERLOADED, "limit"), 0.0)
    assert client.results == [None]
    watcher.heard()
    lookout.tick(PING_EVERY_S)
    assert watcher.heard() == [Ping(), Watch(number, "a.txt", "changes", must_exist=False)]
    lookout.heard(Watched(number), 0.0)
    assert client.changes == 1


def test_numbers_that_were_never_asked_for_are_a_violation_and_given_up_ones_are_not(
    lookout: Lookout, client: Client
) -> None:
    watcher = man(lookout)
    (number,) = client.watches
    lookout.heard(Watched(number), 0.0)
    watcher.heard()
    lookout.remove(client.subscription, 0.0)
    assert watcher.heard() == [Unwatch(number)]
    lookout.heard(Changed((number,)), 0.0)
    assert client.changes == 0
    for frame in (Watched(number + 1), Unwatchable(0, Code.IO_ERROR, ""), Changed((number, number + 1))):
        with pytest.raises(Violation):
            lookout.heard(frame, 0.0)


def test_a_flood_of_changes_is_a_violation(lookout: Lookout, client: Client) -> None:
    man(lookout)
    (number,) = client.watches
    for second in range(3):
        for _ in range(CHANGES_A_SECOND):
            lookout.heard(Changed((number,)), second + 0.5)
    with pytest.raises(Violation):
        lookout.heard(Changed((number,)), 2.9)


def test_answers_that_nobody_has_asked_for_are_a_violation(lookout: Lookout, client: Client) -> None:
    man(lookout)
    (number,) = client.watches
    lookout.heard(Watched(number), 0.0)
    for frame in (Watched(number), Unwatchable(number, Code.IO_ERROR, "")):
        with pytest.raises(Violation):
            lookout.heard(frame, 0.0)
    assert client.results == [None]


def test_who_does_not_answer_is_found_out_and_who_answers_unasked_too(lookout: Lookout, client: Client) -> None:
    watcher = man(lookout)
    with pytest.raises(Violation):
        lookout.heard(Pong(), 0.0)
    lookout.heard(Watched(client.watches[0]), 0.0)
    watcher.heard()
    lookout.tick(PING_EVERY_S)
    assert watcher.heard() == [Ping()]
    lookout.heard(Pong(), PING_EVERY_S)
    lookout.tick(2 * PING_EVERY_S)
    with pytest.raises(Violation):
        lookout.tick(2 * PING_EVERY_S + ANSWER_S + 0.1)


def test_a_subscription_that_nobody_answers_is_refused(lookout: Lookout, client: Client) -> None:
    lookout.tick(ANSWER_S)
    assert not client.results
    lookout.tick(ANSWER_S + 0.1)
    (failure,) = client.results
    assert failure is not None
    assert failure.code is Code.TIMEOUT
    assert lookout.count == 0


def test_a_lookout_is_over_a_while_after_its_last_subscription(lookout: Lookout, client: Client) -> None:
    assert not lookout.is_over(100.0)
    lookout.remove(client.subscription, 100.0)
    assert not lookout.is_over(100.0 + GRACE_S)
    assert lookout.is_over(100.1 + GRACE_S)


def test_a_subscriber_may_give_up_while_it_is_told(lookout: Lookout) -> None:
    clients = [Client("a"), Client("b")]
    for client in clients:
        lookout.add(client.subscription)
    man(lookout)
    for client in clients:
        lookout.heard(Watched(client.watches[0]), 0.0)
    clients[0].subscription.on_change = lambda: lookout.remove(clients[1].subscription, 0.0)
    clients[1].subscription.is_over = True
    lookout.heard(Changed(tuple(client.watches[0] for client in clients)), 0.0)
    assert clients[1].changes == 0
    assert lookout.count == 1


def test_a_refusal_is_told_though_the_watcher_goes_at_that_moment(lookout: Lookout, client: Client) -> None:
    watcher = man(lookout)
    watcher.is_gone = True
    (watch,) = client.watches
    with pytest.raises(LinkLost):
        lookout.heard(Unwatchable(watch, Code.NOT_FOUND, "there is no such file"), 0.0)
    assert [result and result.code for result in client.results] == [Code.NOT_FOUND]
    assert lookout.count == 0


def test_what_is_given_up_is_forgotten_whole_though_the_watcher_goes_at_that_moment(lookout: Lookout) -> None:
    client = Client("a.txt", "b.txt")
    lookout.add(client.subscription)
    man(lookout).is_gone = True
    with pytest.raises(LinkLost):
        lookout.remove(client.subscription, 1.0)
    assert lookout.count == 0
    assert lookout.is_over(1.0 + 2 * GRACE_S)
