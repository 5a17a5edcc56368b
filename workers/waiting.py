"""The calls that a worker has been given and has not begun."""

from collections import deque

from filewarden.workers import wire
from filewarden.workers.channel import Channel

LONG_BYTES = 1 << 16
"""Behind a longer one, no other is taken from the link: it would be held in memory meanwhile."""


class Waiting:
    """What has come over a link, in its order; `most` calls at once."""

    def __init__(self, channel: Channel, most: int) -> None:
        self.calls: deque[wire.Call] = deque()
        self._channel = channel
        self._most = most
        self._is_over = False

    def look(self) -> bool:
        """Wait for a call, and take with it those that are there already; False when there will be no other.

        Raises:
            ChannelClosedError: the broker or the zygote is gone.
        """
        if not self.calls and not self._is_over:
            self._take(self._channel.receive())
        while self._may_take_more() and self._take_at_hand():
            pass
        return bool(self.calls)

    def _take_at_hand(self) -> bool:
        message = self._channel.receive_soon(0)
        if message is not None:
            self._take(message)
        return message is not None

    def _take(self, message: bytes | bytearray) -> None:
        given = wire.unpack_to_worker(message)
        if isinstance(given, wire.Calls):
            self.calls.extend(given.calls)
        else:
            self._is_over = True

    def _may_take_more(self) -> bool:
        return not self._is_over and len(self.calls) < self._most and len(self.calls[-1].arguments) <= LONG_BYTES
