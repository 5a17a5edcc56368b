"""What the kernel tells about a set of folders: inotify(7), through the native half of watchfiles.

Its Python half, which loads asyncio, is passed by: a watcher waits for its broker, and takes what was told meanwhile.
A native thread collects; it gives up for good at a name that is not UTF-8, so that it has to be replaced.
"""

import importlib.machinery
import importlib.util
import os
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from types import ModuleType

    from watchfiles._rust_notify import RustNotify

ADDED, MODIFIED, DELETED = 1, 2, 3
_COLLECT_MS = 1
"""How long to wait for what is just being told."""
_FORMER_S = 0.5
"""How long the former set is still listened to beside a new one: its thread may be late on a busy machine."""

Event = tuple[int, str]
"""ADDED, MODIFIED or DELETED, and the path."""


class LimitReached(Exception):
    """The system lets this user watch no more folders."""


class Told(NamedTuple):
    """What has happened since the last time; `is_lossy`: and more that was lost."""

    events: set[Event]
    is_lossy: bool


def _native() -> "ModuleType":
    """Load the extension module without the package around it; raises ImportError."""
    package = importlib.util.find_spec("watchfiles")
    places = None if package is None else package.submodule_search_locations
    spec = importlib.machinery.PathFinder.find_spec("watchfiles._rust_notify", places)
    if spec is None or spec.loader is None:
        raise ImportError("watchfiles is not installed")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_module = _native()
_Notify: "type[RustNotify]" = _module.RustNotify
_NotifyError: type[Exception] = _module.WatchfilesRustInternalError


class Notices:
    """The folders that are watched now: none at first."""

    def __init__(self) -> None:
        self._notify: RustNotify | None = None
        self._former: RustNotify | None = None
        """What listened before, which may still have something to tell."""
        self._former_until = 0.0
        self._events: set[Event] = set()
        self._is_lossy = False
        self._folders: frozenset[str] = frozenset()

    @property
    def is_deaf(self) -> bool:
        """Whether nothing is told although folders are to be watched."""
        return self._notify is None and bool(self._folders)

    def watch(self, folders: Iterable[str]) -> None:
        """Watch these and no others, each without what lies deeper. Those that are not there are left out.

        The new ones are watched before the old ones are given up: nothing is lost in between.

        Raises:
            LimitReached: the former ones are still watched.
        """
        folders = sorted(folders)
        notify = _start(folders)
        self._take()
        self._close_former()
        self._former, self._notify = self._notify, notify
        self._former_until = time.monotonic() + _FORMER_S
        self._folders = frozenset(folders)

    def collect(self) -> Told:
        """Take what has happened. After a loss nothing is told until `watch` is called again."""
        self._take()
        if self._former is not None and time.monotonic() > self._former_until:
            self._close_former()
        told = Told(self._events, self._is_lossy)
        self._events, self._is_lossy = set(), False
        return told

    def _take(self) -> None:
        if self._former is not None:
            try:
                self._events |= {event for event in _told_by(self._former) if self._is_watched(event[1])}
            except _NotifyError:
                self._is_lossy = True
                self._close_former()
        if self._notify is not None:
            try:
                self._events |= _told_by(self._notify)
            except _NotifyError:
                self._is_lossy = True
                self._notify.close()
                self._notify = None

    def _close_former(self) -> None:
        if self._former is not None:
            self._former.close()
            self._former = None

    def _is_watched(self, path: str) -> bool:
        return path in self._folders or os.path.dirname(path) in self._folders


def _told_by(notify: "RustNotify") -> set[Event]:
    told = notify.watch(_COLLECT_MS, _COLLECT_MS, _COLLECT_MS, None)
    return told if isinstance(told, set) else set()


def _start(folders: list[str]) -> "RustNotify | None":
    there = [folder for folder in folders if os.path.isdir(folder)]
    if not there:
        return None
    try:
        return _Notify(
            there,
            debug=False,
            force_polling=False,
            poll_delay_ms=0,
            recursive=False,
            ignore_permission_denied=True,
        )
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        # One went away just now. Which one is not said; the next look at all of them will find out.
        return None
    except (OSError, _NotifyError) as error:
        raise LimitReached(str(error)) from None
