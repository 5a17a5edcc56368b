"""What one conversation wants to be told of, and the frames that tell it: in the legacy era and in the modern one."""

from collections.abc import Callable
from functools import partial

from filewarden.broker.protocol import notifications
from filewarden.broker.protocol.actions import Listen
from filewarden.broker.protocol.offer import Abilities
from filewarden.broker.protocol.outcome import Failed
from filewarden.broker.sink import Sink
from filewarden.broker.tasks import Task, shown
from filewarden.broker.watching import Lookouts, WatchedResources
from filewarden.workers.errors import Code

SendFrame = Callable[[bytes], None]
Done = Callable[[Failed | None], None]
MOST_URIS = 256
"""Resources that one subscription, or a legacy client, may have watched."""
Json = dict[str, object]


class Listening:
    """One modern subscription; until it is acknowledged, what happens is kept."""

    def __init__(self, listen: Listen, sink: Sink, tasks: frozenset[str]) -> None:
        self.listen = listen
        self.tasks = tasks
        self.uris: list[str] = []
        """What is watched for it, in the order in which that became true."""
        self.tells_resources = False
        """Whether it hears of the list of resources."""
        self.awaited = 0
        """How many results its acknowledgement waits for."""
        self.resources: WatchedResources | None = None
        self.stop_lists: Callable[[], None] | None = None
        self._sink = sink
        self._early: dict[bytes, None] | None = {}

    def wants(self, kind: str) -> bool:
        """Whether it asked for changes of that list."""
        wanted = self.listen.wanted
        return {"tools": wanted.tools, "prompts": wanted.prompts, "resources": wanted.resources}[kind]

    def tell(self, frame: bytes) -> None:
        """Send a notification, never before the acknowledgement."""
        if self._early is None:
            self._sink.tell(frame)
        else:
            self._early[frame] = None

    def acknowledge(self, frame: bytes) -> None:
        """Send the acknowledgement, then what has happened meanwhile."""
        early, self._early = self._early, None
        self._sink.send(frame)
        for each in early or ():
            self._sink.tell(each)

    def stop(self) -> None:
        """Watch nothing for it any more."""
        if self.resources is not None:
            self.resources.close()
        if self.stop_lists is not None:
            self.stop_lists()


class Subscriptions:
    """The subscriptions of one conversation. `notify` is the legacy client's channel beside its requests."""

    def __init__(self, abilities: Abilities, notify: SendFrame | None, lookouts: Lookouts | None) -> None:
        self._abilities = abilities
        self._notify = notify
        self._lookouts = lookouts
        self._listens: dict[int, Listening] = {}
        self._resources: WatchedResources | None = None
        self._stop_lists: Callable[[], None] | None = None
        self.is_legacy_open = False
        """Whether a legacy client has opened its session."""

    def all(self) -> list[Listen]:
        """The modern ones."""
        return [each.listen for each in self._listens.values()]

    def close(self) -> None:
        """The client is gone."""
        for each in self._listens.values():
            each.stop()
        self._listens.clear()
        if self._resources is not None:
            self._resources.close()
        if self._stop_lists is not None:
            self._stop_lists()
            self._stop_lists = None

    # The legacy era.

    def watch(self, uri: str, done: Done) -> None:
        """Tell of changes to a resource; `done` hears once that it is watched, or why it is not."""
        if self._lookouts is None or self._notify is None:
            done(_NO_WAY)
            return
        if self._resources is None:
            self._resources = WatchedResources(self._lookouts, self._updated)
        if len(self._resources) >= MOST_URIS and uri not in self._resources:
            done(_TOO_MANY_URIS)
            return
        self._resources.add([uri], lambda _, failure: done(failure))

    def unwatch(self, uri: str) -> None:
        """End that; unknown ones are fine."""
        if self._resources is not None:
            self._resources.remove(uri)

    def has_listed(self) -> None:
        """A legacy client knows the list of resources, and so wants to hear when it changes."""
        if self._lookouts is not None and self._notify is not None and self._stop_lists is None:
            self._stop_lists = self._lookouts.lists(partial(self.list_changed, "resources"), self._lists_result)

    def _lists_result(self, failure: Failed | None) -> None:
        if failure is not None:
            self._stop_lists = None  # the next list tries again

    def _updated(self, uri: str) -> None:
        if self._notify is not None:
            self._notify(notifications.resource_updated(uri))

    # The modern era.

    def open(self, listen: Listen, sink: Sink, tasks: frozenset[str]) -> None:
        """Watch what is asked for; then acknowledge what of it is honoured, before anything else is told."""
        opening = self._listens[id(listen)] = Listening(listen, sink, tasks)
        uris = list(dict.fromkeys(listen.wanted.uris))[:MOST_URIS] if self._abilities.watching else []
        opening.tells_resources = listen.wanted.resources and self._abilities.changing_resources
        watches_lists = opening.tells_resources and self._abilities.watching
        if self._lookouts is not None:
            opening.awaited = 1 + len(uris) + watches_lists
            if watches_lists:
                frame = notifications.list_changed("resources", listen.request_id)
                opening.stop_lists = self._lookouts.lists(
                    partial(opening.tell, frame), partial(self._lists_watched, opening)
                )
            opening.resources = WatchedResources(
                self._lookouts,
                lambda uri: opening.tell(notifications.resource_updated(uri, listen.request_id)),
            )
            opening.resources.add(uris, partial(self._watched, opening))
        self._arrived(opening)

    def end(self, listen: Listen) -> None:
        """It is over."""
        ended = self._listens.pop(id(listen), None)
        if ended is not None:
            ended.stop()

    def _watched(self, opening: Listening, uri: str, failure: Failed | None) -> None:
        if failure is None:
            opening.uris.append(uri)
        self._arrived(opening)

    def _lists_watched(self, opening: Listening, failure: Failed | None) -> None:
        if failure is not None:
            opening.tells_resources = False
        self._arrived(opening)

    def _arrived(self, opening: Listening) -> None:
        """One more result is there; after the last the subscription is acknowledged."""
        opening.awaited -= 1
        if opening.awaited <= 0:
            opening.acknowledge(notifications.acknowledged(self._honoured(opening), opening.listen.request_id))

    # What has happened.

    def list_changed(self, kind: str) -> None:
        """The list of tools, prompts or resources has changed."""
        if not self._tells(kind):
            return
        if self.is_legacy_open and self._notify is not None:
            self._notify(notifications.list_changed(kind))
        for each in list(self._listens.values()):
            if each.wants(kind):
                each.tell(notifications.list_changed(kind, each.listen.request_id))

    def roots_changed(self) -> None:
        """Other folders are served."""
        for resources in (self._resources, *(each.resources for each in self._listens.values())):
            if resources is not None:
                resources.relocate()
        self.list_changed("resources")

    def task_changed(self, task: Task) -> None:
        """A task of this conversation's principal has changed."""
        for each in list(self._listens.values()):
            if task.id in each.tasks:
                each.tell(notifications.task_changed(shown(task), each.listen.request_id))

    def _tells(self, kind: str) -> bool:
        can = self._abilities
        return {
            "tools": can.changing_tools,
            "prompts": can.changing_prompts,
            "resources": can.changing_resources,
        }[kind]

    def _honoured(self, opening: Listening) -> Json:
        """The part of the wish that comes true."""
        wanted = opening.listen.wanted
        flags = {
            "toolsListChanged": wanted.tools and self._tells("tools"),
            "promptsListChanged": wanted.prompts and self._tells("prompts"),
            "resourcesListChanged": opening.tells_resources,
        }
        honoured: Json = {name: True for name, is_set in flags.items() if is_set}
        if opening.uris:
            watched = set(opening.uris)
            honoured["resourceSubscriptions"] = [uri for uri in dict.fromkeys(wanted.uris) if uri in watched]
        if opening.tasks:
            honoured["taskIds"] = sorted(opening.tasks)
        return honoured


_NO_WAY = Failed(Code.UNSUPPORTED, "Nothing can be told here beside the answers to requests.", {})
_TOO_MANY_URIS = Failed(
    Code.OVERLOADED, f"Too many resources are watched: {MOST_URIS} are allowed. Unsubscribe from one first.", {}
)
