"""What a conversation is told of: nothing before it is watched, nothing before it is acknowledged, nothing after."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
import pytest

from filewarden.broker.announcements import MOST_LISTENS, Announcements
from filewarden.broker.caller import Caller
from filewarden.broker.protocol.actions import Listen
from filewarden.broker.protocol.long_text import Reply
from filewarden.broker.protocol.messages import Filter
from filewarden.broker.protocol.offer import Abilities
from filewarden.broker.protocol.outcome import Failed, Outcome, Succeeded
from filewarden.broker.protocol.principal import LOCAL
from filewarden.broker.protocol.revisions import REVISIONS
from filewarden.broker.protocol.terms import Terms
from filewarden.broker.subscriptions import MOST_URIS, Subscriptions
from filewarden.broker.watching import Lookouts
from filewarden.workers.errors import Code
from filewarden.workers.methods import locate_resources
from filewarden.workers.operations import LocatedResources, LocateResources
from tests.drivers.desk import Watch

Json = dict[str, Any]
TAG = "io.modelcontextprotocol/subscriptionId"
NOT_THERE = Failed(Code.NOT_FOUND, "Not found.", {})
BUSY = Failed(Code.OVERLOADED, "Busy.", {})


class World:
    """Stands for the dispatcher, the watches and the client; whatever happens is in the test's hands."""

    def __init__(self) -> None:
        self.located: list[tuple[tuple[str, ...], Callable[[Outcome], None]]] = []
        self.watches: list[Watch] = []
        self.frames: list[Json] = []

    def submit(self, _caller: Caller, tool: object, arguments: LocateResources, deliver: Any) -> None:
        assert tool is locate_resources.OPERATION
        self.located.append((arguments.uris, deliver))

    def subscribe(self, principal: str, path: str, **callbacks: Any) -> Watch:
        assert principal == LOCAL.key
        self.watches.append(Watch(path, **callbacks))
        return self.watches[-1]

    def subscribe_lists(self, _principal: str, **callbacks: Any) -> Watch:
        self.watches.append(Watch(None, **callbacks))
        return self.watches[-1]

    def unsubscribe(self, watch: Watch) -> None:
        watch.is_over = True

    def send(self, frame: bytes) -> None:
        self.frames.append(json.loads(frame))

    tell = send

    def answer(self, reply: Reply | None, status: int) -> None:
        raise AssertionError(reply)

    def locate(self) -> None:
        """A worker answers: every address with a path of its own, but those that say no."""
        uris, deliver = self.located.pop()
        deliver(Succeeded(LocatedResources(tuple(None if "no" in uri else uri.upper() for uri in uris))))

    def watch(self, path: str | None) -> Watch:
        (found,) = [each for each in self.watches if each.path == path and not each.is_over]
        return found

    def told(self) -> list[str]:
        found = [each["method"].removeprefix("notifications/") for each in self.frames]
        self.frames.clear()
        return found


@pytest.fixture
def world() -> World:
    return World()


ABLE = Abilities(resources=True, watching=True, changing_tools=True, changing_resources=True)


@pytest.fixture
def subscriptions(world: World) -> Subscriptions:
    stand_in: Any = world
    lookouts = Lookouts(stand_in, stand_in, locate_resources.OPERATION, Caller("c", LOCAL))
    return Subscriptions(ABLE, world.send, lookouts)


def listen(subscriptions: Subscriptions, world: World, request_id: int = 7, **wanted: Any) -> Listen:
    action = Listen(request_id, Filter(**wanted), Terms(REVISIONS["2026-07-28"]))
    subscriptions.open(action, world, frozenset())
    return action


def honoured(world: World) -> Json:
    found: Json = world.frames[0]["params"]["notifications"]
    return found


# The modern era


def test_the_acknowledgement_waits_until_everything_is_watched(subscriptions: Subscriptions, world: World) -> None:
    listen(subscriptions, world, uris=["a", "b", "a", "no"], resources=True, tools=True, prompts=True)
    world.locate()
    world.watch("B").settle(None)
    world.watch("B").change()
    world.watch("B").change()
    world.watch(None).settle(None)
    world.watch(None).change()
    subscriptions.list_changed("tools")
    assert world.told() == []
    world.watch("A").settle(None)
    assert honoured(world) == {
        "toolsListChanged": True,
        "resourcesListChanged": True,
        "resourceSubscriptions": ["a", "b"],
    }
    assert {each["params"]["_meta"][TAG] for each in world.frames} == {7}
    assert [each["params"].get("uri") for each in world.frames] == [None, "b", None, None]
    assert world.told() == [
        "subscriptions/acknowledged",
        "resources/updated",
        "resources/list_changed",
        "tools/list_changed",
    ]
    world.watch("A").change()
    world.watch("B").change()
    assert world.told() == ["resources/updated"] * 2


def test_what_cannot_be_watched_is_left_out(subscriptions: Subscriptions, world: World) -> None:
    listen(subscriptions, world, uris=["no", "a"], resources=True)
    world.locate()
    world.watch("A").settle(BUSY)
    world.watch(None).settle(BUSY)
    assert honoured(world) == {}


@pytest.mark.parametrize(
    "outcome",
    [BUSY, Succeeded(LocatedResources(())), Succeeded(LocatedResources(("A",))), Succeeded(LocateResources(()))],
)
def test_a_worker_that_does_not_locate_everything_leaves_the_rest_out(
    outcome: Outcome, subscriptions: Subscriptions, world: World
) -> None:
    listen(subscriptions, world, uris=["a", "b"])
    world.located.pop()[1](outcome)
    for watch in world.watches:
        watch.settle(None)
    assert honoured(world).get("resourceSubscriptions", []) == ["a"][: len(world.watches)]


def test_nothing_is_asked_of_a_worker_for_lists_alone(subscriptions: Subscriptions, world: World) -> None:
    listen(subscriptions, world, tools=True)
    assert (world.located, world.watches) == ([], [])
    assert world.told() == ["subscriptions/acknowledged"]


def test_only_so_many_addresses_are_watched(subscriptions: Subscriptions, world: World) -> None:
    listen(subscriptions, world, uris=[f"u{number}" for number in range(MOST_URIS + 10)])
    assert len(world.located[0][0]) == MOST_URIS


@pytest.mark.parametrize("stage", ["located", "watched", "acknowledged"])
@pytest.mark.parametrize("ending", ["end", "close"])
def test_a_subscription_that_is_over_hears_nothing(
    stage: str, ending: str, subscriptions: Subscriptions, world: World
) -> None:
    action = listen(subscriptions, world, uris=["a"], resources=True)
    late: Callable[[], None] = world.locate
    if stage != "located":
        world.locate()
        late = partial(world.watches[0].change)
    if stage == "acknowledged":
        for watch in world.watches:
            watch.settle(None)
    world.frames.clear()
    if ending == "end":
        subscriptions.end(action)
    else:
        subscriptions.close()
    subscriptions.list_changed("tools")
    if stage == "located":
        late()
    assert all(watch.is_over for watch in world.watches)
    assert subscriptions.all() == []
    assert world.told() == []


def test_a_principal_has_sixteen_subscriptions_in_all_conversations(world: World) -> None:
    announcements = Announcements()
    several = [Subscriptions(Abilities(changing_tools=True), None, None) for _ in range(MOST_LISTENS)]
    for number, each in enumerate(several):
        assert announcements.has_room("ann")
        announcements.join(each, "ann")
        listen(each, world, number, tools=True)
    assert not announcements.has_room("ann")
    assert announcements.has_room("bob")
    announcements.leave(several[0])
    assert announcements.has_room("ann")


# The legacy era


def test_a_legacy_client_hears_of_what_it_watches(subscriptions: Subscriptions, world: World) -> None:
    results: list[Failed | None] = []
    subscriptions.watch("a", results.append)
    subscriptions.watch("a", results.append)
    assert len(world.located) == 1
    world.locate()
    assert results == []
    world.watch("A").settle(None)
    assert results == [None, None]
    subscriptions.watch("a", results.append)
    assert results == [None] * 3
    world.watch("A").change()
    assert world.frames == [{"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": "a"}}]
    subscriptions.unwatch("a")
    subscriptions.unwatch("a")
    assert all(watch.is_over for watch in world.watches)


@pytest.mark.parametrize("failure", [NOT_THERE, BUSY])
def test_a_refused_watch_can_be_tried_again(failure: Failed, subscriptions: Subscriptions, world: World) -> None:
    results: list[Failed | None] = []
    subscriptions.watch("a", results.append)
    world.locate()
    world.watches.pop().settle(failure)
    subscriptions.watch("a", results.append)
    world.locate()
    world.watch("A").settle(None)
    assert results == [failure, None]


@pytest.mark.parametrize("is_located", [False, True])
def test_a_watch_that_is_given_up_on_its_way_is_answered_and_gone(
    is_located: bool, subscriptions: Subscriptions, world: World
) -> None:
    results: list[Failed | None] = []
    subscriptions.watch("a", results.append)
    if is_located:
        world.locate()
    subscriptions.unwatch("a")
    assert results == [None]
    subscriptions.watch("a", results.append)
    while world.located:
        world.locate()
    world.watch("A").settle(None)
    assert results == [None, None]
    assert len([watch for watch in world.watches if not watch.is_over]) == 1


def test_a_legacy_client_watches_only_so_much(subscriptions: Subscriptions, world: World) -> None:
    results: list[Failed | None] = []
    for number in range(MOST_URIS):
        subscriptions.watch(f"u{number}", results.append)
        world.locate()
        world.watches[-1].settle(None)
    subscriptions.watch("more", results.append)
    assert results[-1] is not None
    assert results[-1].code is Code.OVERLOADED
    subscriptions.watch("u0", results.append)
    subscriptions.unwatch("u1")
    assert results[-1] is None
    subscriptions.watch("more", results.append)
    assert len(world.located) == 1


def test_lists_are_watched_once_a_legacy_client_has_listed(subscriptions: Subscriptions, world: World) -> None:
    subscriptions.is_legacy_open = True
    subscriptions.has_listed()
    subscriptions.has_listed()
    world.watch(None).settle(None)
    world.watch(None).change()
    assert world.told() == ["resources/list_changed"]


def test_lists_that_cannot_be_watched_are_tried_again_at_the_next_list(
    subscriptions: Subscriptions, world: World
) -> None:
    subscriptions.has_listed()
    world.watches.pop().settle(BUSY)
    subscriptions.has_listed()
    assert len(world.watches) == 1


def test_a_client_without_a_channel_beside_its_requests_watches_nothing(world: World) -> None:
    stand_in: Any = world
    made = Subscriptions(ABLE, None, Lookouts(stand_in, stand_in, locate_resources.OPERATION, Caller("c", LOCAL)))
    results: list[Failed | None] = []
    made.watch("a", results.append)
    made.has_listed()
    assert (len(results), world.watches) == (1, [])
    assert msgspec.structs.astuple(results[0] or BUSY)[0] is Code.UNSUPPORTED


# Other folders


@pytest.mark.parametrize("has_watched", [True, False])
@pytest.mark.parametrize("is_there", [True, False])
def test_folders_that_change_twice_at_once_count_as_they_are_at_last(
    has_watched: bool, is_there: bool, subscriptions: Subscriptions, world: World
) -> None:
    results: list[Failed | None] = []
    subscriptions.watch("a", results.append)
    if has_watched:
        world.locate()
        world.watch("A").settle(None)
    subscriptions.roots_changed()
    subscriptions.roots_changed()
    *earlier, (_, latest) = world.located
    for _, deliver in earlier:
        deliver(Succeeded(LocatedResources((None,))))
    latest(Succeeded(LocatedResources(("/new",) if is_there else (None,))))
    world.told()
    if is_there:
        world.watch("/new").settle(None)
    assert len(results) == 1
    assert (results[0] is None) == (has_watched or is_there)
    assert world.told() == ["resources/updated"] * (has_watched and is_there)
    for watch in world.watches:
        if not watch.is_over:
            watch.change()
    assert world.told() == ["resources/updated"] * is_there
