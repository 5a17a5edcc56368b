"""How a worker makes the changes that it is given: those that wait together, together."""

from collections.abc import Callable

from filewarden.workers import wire
from filewarden.workers.channel import Channel
from filewarden.workers.steps import Steps
from filewarden.workers.waiting import Waiting
from filewarden.workers.writing.batch import MOST_CHANGES, Batch

Told = tuple[wire.Call, wire.Pieces | None]
"""A call and what it is answered with; None where there was not enough memory for it."""


class Changes:
    """The calls of one worker. `in_steps` makes one of them."""

    def __init__(self, channel: Channel, in_steps: Callable[[wire.Call], Steps[wire.Pieces]]) -> None:
        self._waiting = Waiting(channel, MOST_CHANGES)
        self._in_steps = in_steps

    def make(self) -> list[Told] | None:
        """Wait for calls, and make the next of them; None when there will be no other.

        Raises:
            ChannelClosedError: the broker or the zygote is gone.
        """
        if not self._waiting.look():
            return None
        calls, begun = self._waiting.calls, list[wire.Call]()
        batch = Batch[wire.Pieces]()
        while calls and not batch.is_full and batch.begin(self._in_steps(calls[0])):
            begun.append(calls.popleft())
        return list(zip(begun, batch.finish(), strict=True))
