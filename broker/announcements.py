"""What is told to every conversation that wants to know: lists that changed, and tasks."""

from filewarden.broker.subscriptions import Subscriptions
from filewarden.broker.tasks import Task

MOST_LISTENS = 16
"""Modern subscriptions of one principal."""


class Announcements:
    """The conversations of one server, as far as they listen; a task is told to those of its principal alone."""

    def __init__(self) -> None:
        self._listeners: dict[Subscriptions, str] = {}

    def join(self, subscriptions: Subscriptions, principal: str) -> None:
        """Tell it from now on."""
        self._listeners[subscriptions] = principal

    def leave(self, subscriptions: Subscriptions) -> None:
        """Tell it nothing any more."""
        self._listeners.pop(subscriptions, None)

    def has_room(self, principal: str) -> bool:
        """Whether a further modern subscription may be opened."""
        open_now = sum(len(each.all()) for each, whose in self._listeners.items() if whose == principal)
        return open_now < MOST_LISTENS

    def list_changed(self, kind: str) -> None:
        """`kind` is "tools", "prompts" or "resources"."""
        for subscriptions in list(self._listeners):
            subscriptions.list_changed(kind)

    def roots_changed(self) -> None:
        """Other folders are served."""
        for subscriptions in list(self._listeners):
            subscriptions.roots_changed()

    def task_changed(self, task: Task) -> None:
        """A task has another state, or other questions."""
        for subscriptions, principal in list(self._listeners.items()):
            if principal == task.principal:
                subscriptions.task_changed(task)
