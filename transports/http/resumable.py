"""The streams of one session: each goes on while the connections that carry it come and go."""

from collections.abc import Callable

from filewarden.transports.http.event_store import SessionEvents, Track, event_id, read_event_id
from filewarden.transports.http.streams import MESSAGE, EventStream, event, priming

RETRY_MS = 500
"""After which time a client that lost its connection, or was let go, comes back."""


class ResumableStream:
    """One stream: the connection that carries it now, if any, and what went over it."""

    def __init__(self, track: Track, events: SessionEvents, now: Callable[[], float]) -> None:
        self.track = track
        self._events = events
        self._now = now
        self._connection: EventStream | None = None
        self._delivered = 0

    @property
    def is_connected(self) -> bool:
        """Whether a client reads it now."""
        return self._connection is not None

    def send(self, message: bytes) -> None:
        """Send a message to whoever reads, now or later."""
        framed = event(MESSAGE, message, event_id(self.track, self.track.last + 1))
        self._events.append(self.track, framed, self._now())
        if self._connection is not None:
            self._delivered = self.track.last
            self._connection.push(framed)

    def finish(self) -> None:
        """Nothing follows."""
        self._events.finish(self.track)
        if self._connection is not None:
            self._connection.end()

    def connect(self, connection: EventStream, *, after: int | None, is_primed: bool) -> None:
        """Let `connection` carry the stream on: what followed event `after`, or was never sent, comes first."""
        if self._connection is not None:
            self._connection.end()  # lost without our notice, or the client would not ask again
        start = self._delivered if after is None else after
        if is_primed:
            connection.replay([priming(event_id(self.track, start), RETRY_MS)])
        connection.replay(self.track.after(start))
        self._delivered = self.track.last
        if self.track.is_finished:
            connection.end()
        else:
            self._connection = connection

    def disconnect(self, connection: EventStream) -> None:
        """The connection ended."""
        if self._connection is connection:
            self._connection = None

    def end_connection(self) -> None:
        """Let the client go; the stream stays."""
        if self._connection is not None:
            self._connection.end()


class UnknownEventError(Exception):
    """No event has that id, or what followed it is no longer kept."""


class Streams:
    """Those of one session: the general one, and one for each request that is answered by events."""

    def __init__(self, events: SessionEvents, now: Callable[[], float]) -> None:
        self._events = events
        self._now = now
        self.general = ResumableStream(events.open(), events, now)
        self._open: dict[int, ResumableStream] = {0: self.general}

    @property
    def is_read(self) -> bool:
        """Whether a client reads one of them."""
        return any(stream.is_connected for stream in self._open.values())

    def open(self) -> ResumableStream:
        """The stream of one request."""
        self._open = {number: each for number, each in self._open.items() if not each.track.is_finished}
        stream = ResumableStream(self._events.open(), self._events, self._now)
        self._open[stream.track.stream] = stream
        return stream

    def find(self, last_event_id: bytes) -> tuple[ResumableStream, int]:
        """The stream on which an event was sent, and the event's number there.

        Raises:
            UnknownEventError: the stream cannot be taken up after that event.
        """
        place = read_event_id(last_event_id)
        track = None if place is None else self._events.find(*place, self._now())
        if place is None or track is None:
            raise UnknownEventError
        stream = self._open.get(track.stream) or ResumableStream(track, self._events, self._now)
        return stream, place[1]

    def end_connections(self) -> None:
        """Let every client go that reads one."""
        for stream in self._open.values():
            stream.end_connection()
