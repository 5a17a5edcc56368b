"""How the names of a path become an open descriptor beneath a root, in one race-free step.

Two resolvers give the same answers: the kernel's (`kernel_resolver.py`) and our own (`walking_resolver.py`).
"""

import os
from collections.abc import Callable, Iterator
from typing import Protocol

import msgspec

O_PATH = getattr(os, "O_PATH", os.O_RDONLY | os.O_NONBLOCK)
"""Where the system has no O_PATH, a descriptor for reading stands in."""
READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC

Names = tuple[bytes, ...]


class Resolved(msgspec.Struct, frozen=True):
    """An open object and where it really lies beneath its root, all links followed."""

    fd: int
    names: Names


class Unresolved(OSError):
    """The path led to nothing that may be opened; `names` is how far it is known to lie beneath the root."""

    def __init__(self, code: int, names: Names) -> None:
        super().__init__(code, os.strerror(code))
        self.names = names


class Start(msgspec.Struct, frozen=True):
    """Where a resolution starts: an open root, the absolute paths that mean it, and which places nobody may pass."""

    fd: int
    prefixes: tuple[Names, ...]
    is_denied: Callable[[Names], bool]
    is_closed: Callable[[os.stat_result], bool] | None = None
    """Which folders nobody may pass, whatever they are called; None where there are none."""
    one_filesystem: bool = False
    """Whether a mount on the way is a way out."""


class Resolver(Protocol):
    """Opens paths beneath a root. Errors are `Unresolved`: EXDEV and ELOOP for a way out, else as open(2) says."""

    def open(self, start: Start, names: Names, flags: int) -> Resolved:
        """Open `names` (`.`, `..` and a last empty name are allowed), following links that stay inside."""
        ...

    def open_plain(self, start: Start, names: Names, flags: int) -> int:
        """Open a path of real names that holds no link at all."""
        ...

    def opener(self, start: Start) -> Callable[[Names], int]:
        """Tell how to open folders by such paths, of which there will be many; raises OSError."""
        ...

    def can_read(self, fd: int) -> bool | None:
        """Whether an open object may be opened for reading; None where only trying tells."""
        ...

    def can_write(self, fd: int) -> bool | None:
        """Whether whoever may write here could change an open object; None where only trying tells."""
        ...


NOT_NAMES = frozenset((b"", b".", b".."))
"""What stands between slashes and names nothing."""


def normalise(names: Names) -> Names | None:
    """Give the names without `.`, empty names and `..`; None when they climb above the start."""
    if b".." not in names:
        if b"" not in names and b"." not in names:
            return names
        return tuple(name for name in names if name not in (b"", b"."))
    kept: list[bytes] = []
    for name in names:
        if name == b"..":
            if not kept:
                return None
            kept.pop()
        elif name not in (b"", b"."):
            kept.append(name)
    return tuple(kept)


def beneath(names: Names, prefixes: tuple[Names, ...]) -> Iterator[Names]:
    """For each prefix that an absolute path begins with, the rest of it. Both are split at `/`."""
    count = len(names)
    for prefix in prefixes:
        at = 0
        for wanted in prefix:
            while at < count and names[at] in (b"", b"."):
                at += 1
            if at == count or names[at] != wanted:
                break
            at += 1
        else:
            yield names[at:]
