"""What one conversation wants to be told of, and the frames that tell it: in the legacy era and in the modern one."""

from collections.abc import Callable

from filewarden.broker.protocol import notifications
from filewarden.broker.protocol.actions import Exchange, Listen
from filewarden.broker.protocol.offer import Abilities
from filewarden.broker.tasks import Task, shown

SendFrame = Callable[[bytes], None]
MOST_LISTENS = 16
"""Subscriptions of one conversation."""
Json = dict[str, object]


class Listening:
    """One modern subscription that is open."""

    def __init__(self, listen: Listen, exchange: Exchange, send: SendFrame, tasks: frozenset[str]) -> None:
        self.listen = listen
        self.exchange = exchange
        self.send = send
        self.tasks = tasks

    def wants(self, kind: str) -> bool:
        """Whether it asked for changes of that list."""
        wanted = self.listen.wanted
        return {"tools": wanted.tools, "prompts": wanted.prompts, "resources": wanted.resources}[kind]


class Subscriptions:
    """The open subscriptions of one conversation. `notify` is the legacy client's channel beside its requests."""

    def __init__(self, abilities: Abilities, notify: SendFrame | None) -> None:
        self._abilities = abilities
        self._notify = notify
        self._listens: dict[int, Listening] = {}
        self.is_legacy_open = False
        """Whether a legacy client has opened its session."""

    def has_room(self) -> bool:
        """Whether a further modern subscription may be opened."""
        return len(self._listens) < MOST_LISTENS

    def open(self, listen: Listen, exchange: Exchange, send: SendFrame, tasks: frozenset[str], uris: list[str]) -> None:
        """Acknowledge what is honoured, which comes before anything else on the subscription."""
        self._listens[id(listen)] = Listening(listen, exchange, send, tasks)
        send(notifications.acknowledged(self._honoured(listen, tasks, uris), listen.request_id))

    def end(self, listen: Listen) -> None:
        """It is over."""
        self._listens.pop(id(listen), None)

    def all(self) -> list[Listen]:
        """The open ones."""
        return [each.listen for each in self._listens.values()]

    def list_changed(self, kind: str) -> None:
        """The list of tools, prompts or resources has changed."""
        if not self._tells(kind):
            return
        if self.is_legacy_open and self._notify is not None:
            self._notify(notifications.list_changed(kind))
        for each in list(self._listens.values()):
            if each.wants(kind):
                each.send(notifications.list_changed(kind, each.listen.request_id))

    def task_changed(self, task: Task) -> None:
        """A task of this conversation's principal has changed."""
        for each in list(self._listens.values()):
            if task.id in each.tasks:
                each.send(notifications.task_changed(shown(task), each.listen.request_id))

    def _tells(self, kind: str) -> bool:
        can = self._abilities
        return {
            "tools": can.changing_tools,
            "prompts": can.changing_prompts,
            "resources": can.changing_resources,
        }[kind]

    def _honoured(self, listen: Listen, tasks: frozenset[str], uris: list[str]) -> Json:
        """The part of the wish that comes true."""
        wanted = listen.wanted
        flags = {
            "toolsListChanged": wanted.tools and self._tells("tools"),
            "promptsListChanged": wanted.prompts and self._tells("prompts"),
            "resourcesListChanged": wanted.resources and self._tells("resources"),
        }
        honoured: Json = {name: True for name, is_set in flags.items() if is_set}
        if uris:
            honoured["resourceSubscriptions"] = uris
        if tasks:
            honoured["taskIds"] = sorted(tasks)
        return honoured
