"""What was sent on the streams of sessions, kept for a while so that a lost connection can be taken up again. Pure.

Bounded for each session in events, bytes and age, and in bytes for all of them together. The oldest goes first, and
where all together are too much, the session that holds the most gives way: nobody costs others what they may resume.
"""

from collections import deque

import msgspec

from filewarden.broker.holdings import Holdings

MAX_EVENTS = 1000
MAX_BYTES = 8 * 1024 * 1024
MAX_AGE_S = 300.0
LONGEST_ID = 40


class Kept(msgspec.Struct, frozen=True, eq=False):
    """One event as it went over the wire."""

    number: int
    framed: bytes
    at: float


class Track:
    """The events of one stream, numbered from 1 without a gap; what is no longer kept is missing at the front."""

    def __init__(self, stream: int) -> None:
        self.stream = stream
        self.last = 0
        """The number of the newest event; 0 before the first."""
        self.is_finished = False
        self.kept: deque[Kept] = deque()

    @property
    def first(self) -> int:
        """The number of the oldest event that is kept, or of the next one."""
        return self.kept[0].number if self.kept else self.last + 1

    def after(self, number: int) -> list[bytes]:
        """The events that followed `number`, as far as they are kept."""
        return [each.framed for each in self.kept if each.number > number]


class EventStore:
    """The events of all sessions."""

    def __init__(self, holdings: Holdings, all_bytes: int) -> None:
        self._holdings = holdings
        self._all_bytes = all_bytes
        self._bytes = 0
        self._sessions: set[SessionEvents] = set()

    def forget(self, session: "SessionEvents") -> None:
        """The session has ended: what it kept is dropped."""
        session.clear()
        self._sessions.discard(session)

    def count(self, session: "SessionEvents", size: int) -> None:
        """Note that a session keeps more, or with a negative size less."""
        self._sessions.add(session)
        self._bytes += size
        self._holdings.add(size)

    def make_room(self) -> None:
        """Let the sessions that hold the most give their oldest up until the whole fits."""
        while self._bytes > self._all_bytes:
            largest = max(self._sessions, key=lambda session: session.bytes)
            enough = largest.bytes // 2  # not one event a look: there may be many, and many sessions
            while self._bytes > self._all_bytes and largest.bytes > enough:
                largest.evict_oldest()


class SessionEvents:
    """The events of one session, on however many streams."""

    def __init__(self, store: EventStore) -> None:
        self.bytes = 0
        self._store = store
        self._tracks: dict[int, Track] = {}
        self._order: deque[Track] = deque()
        """One entry for each event that is kept, oldest first: the track that it lies on."""
        self._opened = 0

    def open(self) -> Track:
        """A new stream; the first of a session has the number 0."""
        track = Track(self._opened)
        self._tracks[track.stream] = track
        self._opened += 1
        return track

    def append(self, track: Track, framed: bytes, now: float) -> None:
        """Keep the next event of a stream. One over the bound of bytes is not kept, and nothing before it is either."""
        self.expire(now)
        track.last += 1
        if len(framed) > MAX_BYTES:
            self._drop_all(track)
            return
        track.kept.append(Kept(track.last, framed, now))
        self._order.append(track)
        self._count(len(framed))
        while len(self._order) > MAX_EVENTS or self.bytes > MAX_BYTES:
            self.evict_oldest()
        self._store.make_room()

    def finish(self, track: Track) -> None:
        """No event follows on this stream."""
        track.is_finished = True
        self._forget_if_spent(track)

    def find(self, stream: int, number: int, now: float) -> Track | None:
        """The stream, if everything that followed event `number` on it is kept."""
        self.expire(now)
        track = self._tracks.get(stream)
        return track if track is not None and track.first - 1 <= number <= track.last else None

    def expire(self, now: float) -> None:
        """Forget what is too old."""
        while self._order and now - self._order[0].kept[0].at > MAX_AGE_S:
            self.evict_oldest()

    def evict_oldest(self) -> None:
        """Forget one event."""
        track = self._order.popleft()
        self._count(-len(track.kept.popleft().framed))
        self._forget_if_spent(track)

    def clear(self) -> None:
        """Forget everything."""
        self._count(-self.bytes)
        self._tracks.clear()
        self._order.clear()

    def _drop_all(self, track: Track) -> None:
        self._count(-sum(len(each.framed) for each in track.kept))
        track.kept.clear()
        self._order = deque(each for each in self._order if each is not track)

    def _forget_if_spent(self, track: Track) -> None:
        if track.is_finished and not track.kept:
            self._tracks.pop(track.stream, None)

    def _count(self, size: int) -> None:
        self.bytes += size
        self._store.count(self, size)


def event_id(track: Track, number: int) -> bytes:
    """What names an event within its session."""
    return b"%d-%d" % (track.stream, number)


def read_event_id(value: bytes) -> tuple[int, int] | None:
    """Stream and number of an event id; None for what is none of ours."""
    stream, _, number = value.partition(b"-")
    if not (stream.isdigit() and number.isdigit()) or len(value) > LONGEST_ID:
        return None
    return int(stream), int(number)
