"""A watcher's life: one principal's files and folders, and short messages that some of them have changed.

What the kernel tells is a hint, by which the client's path is looked at again as for any call: rules hold, and what has
moved out of reach is gone. Hints may be lost (a queue that overflows, a name that is not UTF-8, a folder above that was
renamed), so that everything is looked at in turn too, a few at a time.
"""

import itertools
import os
import time
from collections.abc import Iterable

from filewarden.workers import wire
from filewarden.workers.channel import Channel, ChannelClosedError
from filewarden.workers.confine.namespaces import working_folder
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.joining import join
from filewarden.workers.paths import names as shown
from filewarden.workers.paths.resolution import Names
from filewarden.workers.paths.root import Root
from filewarden.workers.paths.space import Space
from filewarden.workers.place import Place
from filewarden.workers.profile import Profile, Spawn
from filewarden.workers.watching.notices import ADDED, DELETED, LimitReached, Notices
from filewarden.workers.watching.watch_wire import (
    Changed,
    Ping,
    Pong,
    Reports,
    Unwatch,
    Unwatchable,
    Watch,
    Watched,
    unpack_to_watcher,
)
from filewarden.workers.watching.watched import Identity, Look, Spot, look
from filewarden.workers.wire import Go

TICK_S = 0.2
"""Changes of one thing within this time are told once."""
LOOKS_A_TICK = 64
"""How many things are looked at without a hint."""
RESTART_S = 1.0
"""How often at most the listening is started over after a loss."""


class Item:
    """One thing that is watched."""

    def __init__(self, path: str, reports: Reports, seen: Look) -> None:
        self.path = path
        self.reports = reports
        self.seen = seen


class Watcher:
    """One forked child of the watching zygote."""

    def __init__(self, profile: Profile, place: Place) -> None:
        self._profile = profile
        self._place = place
        self._space = Space(place.roots, frozenset(profile.denied))
        self._paths = {root.fd: _path_of(root) for root in place.roots}
        self._items: dict[int, Item] = {}
        self._spots: dict[str, list[tuple[int, Spot]]] = {}
        """What is listened to in each folder, and for which item."""
        self._notices = Notices()
        self._folders: dict[str, Identity] = {}
        """What is listened to: another folder may have taken the name of one since."""
        self._has_moved = False
        """Whether to listen anew: something is elsewhere now, or given up."""
        self._next_start = 0.0
        self._turn = 0

    def run(self, spawn: Spawn, fds: list[int], zygote_pid: int) -> None:
        """Watch until the broker is gone."""
        try:
            channel = join("fw-watcher", self._profile, self._place, spawn, fds[0], zygote_pid)
            if channel is not None:
                self._serve(channel)
        except ChannelClosedError:
            return

    def _serve(self, channel: Channel) -> None:
        next_tick = 0.0
        while True:
            frame = self._next_frame(channel, next_tick - time.monotonic())
            new: dict[int, Item] = {}
            while frame is not None:
                self._obey(unpack_to_watcher(frame), new, channel)
                frame = channel.receive_soon(0)
            if new:
                self._admit(new, channel)
            if self._items and time.monotonic() >= next_tick:
                changed = self._tick()
                next_tick = time.monotonic() + TICK_S
                if changed:
                    channel.send(wire.pack(Changed(tuple(sorted(changed)))))

    def _next_frame(self, channel: Channel, left_s: float) -> bytes | bytearray | None:
        return channel.receive_soon(max(0.0, left_s)) if self._items else channel.receive()

    # What the broker asks for.

    def _obey(self, message: Go | Watch | Unwatch | Ping, new: dict[int, Item], channel: Channel) -> None:
        match message:
            case Watch():
                failure = self._consider(message, new)
                if failure is not None:
                    channel.send(wire.pack(Unwatchable(message.watch, failure.code, failure.message)))
            case Unwatch(watch=watch):
                new.pop(watch, None)
                self._has_moved |= self._items.pop(watch, None) is not None
                if not self._items:
                    self._listen()
            case Ping():
                channel.send(wire.pack(Pong()))
            case Go():
                raise ChannelClosedError  # no honest broker says it twice

    def _consider(self, message: Watch, new: dict[int, Item]) -> ToolFailure | None:
        if len(self._items) + len(new) >= self._profile.max_watches:
            return ToolFailure(
                Code.OVERLOADED,
                f"Too much is watched already (limits.max_watches = {self._profile.max_watches}). Give something up.",
            )
        seen = look(self._space, message.path)
        if seen.failure is not None and message.must_exist:
            return seen.failure
        new[message.watch] = Item(message.path, message.reports, seen)
        return None

    def _admit(self, new: dict[int, Item], channel: Channel) -> None:
        """Listen, then look once more: what happened in between would be missed."""
        self._items |= new
        if not self._listen():
            for watch, item in new.items():
                del self._items[watch]
                channel.send(wire.pack(Unwatchable(watch, Code.OVERLOADED, _limit_sentence(item.path))))
        for watch, item in new.items():
            if watch in self._items:
                self._has_changed(item)
                channel.send(wire.pack(Watched(watch)))

    # What has happened.

    def _tick(self) -> set[int]:
        """Everything that has changed since the last tick."""
        told = self._notices.collect()
        changed: set[int] = set()
        for kind, path in told.events:
            changed |= self._meant_by(kind, path, changed)
        suspects = self._items if told.is_lossy else {*changed, *self._in_turn()}
        changed |= {watch for watch in tuple(suspects) if self._has_changed(self._items[watch])}
        was_deaf = self._notices.is_deaf
        self._listen_again()
        if told.is_lossy or (was_deaf and not self._notices.is_deaf):  # what names came and went is lost
            changed |= {watch for watch, item in self._items.items() if _is_folder(item)}
        return changed

    def _in_turn(self) -> Iterable[int]:
        """A few items, others each time."""
        count = len(self._items)
        start, self._turn = self._turn % count, (self._turn + LOOKS_A_TICK) % count
        return itertools.islice(itertools.cycle(self._items), start, start + min(count, LOOKS_A_TICK))

    def _has_changed(self, item: Item) -> bool:
        before, item.seen = item.seen, look(self._space, item.path)
        self._has_moved |= item.seen.spots != before.spots
        return item.seen.state != before.state

    def _meant_by(self, kind: int, path: str, known: set[int]) -> set[int]:
        """Whom an event concerns, but for those who are known to be concerned."""
        folder, _, name = path.rpartition("/")
        found = set()
        for watch, spot in self._spots.get(folder, ()):
            item = self._items.get(watch)  # it may have been given up meanwhile
            if item is not None and watch not in known and self._concerns(item, spot, kind, os.fsencode(name)):
                found.add(watch)
        for watch, spot in self._spots.get(path, ()):  # the folder itself
            item = self._items.get(watch)
            if item is not None and spot.name is None and item.reports == "changes":
                found.add(watch)
        return found

    def _concerns(self, item: Item, spot: Spot, kind: int, name: bytes) -> bool:
        if item.reports == "names" and kind not in (ADDED, DELETED):
            return False
        if spot.name is not None:
            return spot.name == name
        return self._is_visible(spot.root, (*spot.folder, name))

    def _is_visible(self, root: Root, names: Names) -> bool:
        """Whether clients may know of this name, there or gone."""
        is_denied = self._space.judge(root)
        if is_denied is not None and is_denied(names):
            return False
        try:
            with self._space.open_folder(root, names[:-1]) as folder:
                return not self._space.closes(folder, names[-1], _state_of(names[-1], folder.fd))
        except OSError:
            return True

    # Where to listen.

    def _listen(self) -> bool:
        """Listen where the items are now; False: the system does not allow so much, and everything is as before."""
        spots: dict[str, list[tuple[int, Spot]]] = {}
        folders: dict[str, Identity] = {}
        for watch, item in self._items.items():
            for spot in item.seen.spots:
                folder = self._folder(spot)
                if folder is not None:
                    spots.setdefault(folder, []).append((watch, spot))
                    folders[folder] = spot.identity
        if folders != self._folders or self._notices.is_deaf:
            try:
                self._notices.watch(folder for folder, identity in folders.items() if _is_still(folder, identity))
            except LimitReached:
                return False
        self._spots, self._folders, self._has_moved = spots, folders, False
        return True

    def _listen_again(self) -> None:
        """Listen anew where something has moved, or after a loss; where that fails, looking in turn has to do."""
        now = time.monotonic()
        if (self._has_moved or self._notices.is_deaf) and now >= self._next_start:
            self._next_start = now + RESTART_S
            self._listen()

    def _folder(self, spot: Spot) -> str | None:
        """The path by which the kernel is asked, None when it cannot be: it has to be UTF-8."""
        try:
            return b"/".join((self._paths[spot.root.fd], *spot.folder)).decode()
        except UnicodeDecodeError:
            return None


def _is_still(folder: str, identity: Identity) -> bool:
    """Whether the path leads to the folder that was resolved: no link has come in between."""
    try:
        state = os.stat(folder)
    except OSError:
        return False
    return (state.st_dev, state.st_ino) == identity


def _is_folder(item: Item) -> bool:
    return any(spot.name is None for spot in item.seen.spots)


def _state_of(name: bytes, folder: int) -> os.stat_result:
    return os.stat(name, dir_fd=folder, follow_symlinks=False)


def _path_of(root: Root) -> bytes:
    """Where the root lies as seen from here; before anything is confined."""
    here = working_folder()
    try:
        os.fchdir(root.fd)
        path = os.getcwdb()
    finally:
        os.fchdir(here)
        os.close(here)
    return path.rstrip(b"/")


def _limit_sentence(path: str) -> str:
    return (
        f"'{shown.echo(path)}' cannot be watched: this system's limit on watched folders is reached. The operator can "
        "raise fs.inotify.max_user_watches and fs.inotify.max_user_instances."
    )
