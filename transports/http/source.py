"""The server that the pages are about, as they see it."""

from typing import Protocol

from filewarden.broker.broker import Broker
from filewarden.broker.status import Report, Status
from filewarden.broker.timeline import TimelineStatus


class Source(Protocol):
    """OSError from each of its questions: the server does not answer."""

    def status(self) -> Status:
        """Everything, now."""

    def timeline(self) -> TimelineStatus:
        """The last minutes."""

    def report(self) -> Report:
        """What metrics are made of."""

    def is_ready(self) -> bool:
        """Whether it takes calls."""


class BrokerSource:
    """The broker of this very loop."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def status(self) -> Status:
        """Everything, now."""
        return self._broker.overview.status()

    def timeline(self) -> TimelineStatus:
        """The last minutes."""
        return self._broker.overview.timeline()

    def report(self) -> Report:
        """What metrics are made of."""
        return self._broker.overview.report()

    def is_ready(self) -> bool:
        """Whether it takes calls."""
        return self._broker.overview.is_ready
