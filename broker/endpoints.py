"""The private folder of one server's ZeroMQ endpoints, and the sweep of folders that dead servers left."""

import contextlib
import fcntl
import os
import stat
from collections.abc import Sequence

from filewarden.workers.leftovers import remove_sockets

PREFIX = "filewarden-"
NAME_DIGITS = 12
LONGEST_FOLDER = 107 - 34
"""A Unix socket's path has 107 bytes (unix(7)); an endpoint's name takes 33 of them."""
ATTEMPTS = 10
"""How often a folder is made that the sweep of another server takes away before it is locked."""


class EndpointFolder:
    """A folder with a random name and mode 0700, locked while its server lives."""

    def __init__(self, path: str, lock_fd: int) -> None:
        self.path = path
        self._lock_fd = lock_fd

    def give_to(self, uid: int, gid: int) -> None:
        """Hand it to the account that the server is about to become."""
        os.fchown(self._lock_fd, uid, gid)

    def close(self) -> None:
        """Let go of the lock; the launcher takes the folder away."""
        os.close(self._lock_fd)


def make_endpoint_folder(candidates: Sequence[str]) -> EndpointFolder:
    """Make a folder in the first of `candidates` that can hold one, after sweeping that place.

    Raises:
        OSError: none of them can.
    """
    failure = OSError("no folder for the workers' sockets: every candidate's path is too long")
    for parent in candidates:
        if len(os.fsencode(_new_path(parent))) > LONGEST_FOLDER:
            continue
        try:
            sweep(parent)
            return _make(parent)
        except OSError as error:
            failure = error
    raise failure


def _make(parent: str) -> EndpointFolder:
    """Make a folder and lock it. A server that starts at the same time may sweep it away in between: then once more.

    Raises OSError.
    """
    for _ in range(ATTEMPTS):
        path = _new_path(parent)
        os.mkdir(path, 0o700)
        try:
            lock_fd = _lock(path)
        except (FileNotFoundError, BlockingIOError):
            continue
        if os.fstat(lock_fd).st_nlink:  # else it was removed after we had opened it
            return EndpointFolder(path, lock_fd)
        os.close(lock_fd)
    raise OSError(f"other servers took each of {ATTEMPTS} new folders in '{parent}' for one of a dead server")


def _new_path(parent: str) -> str:
    return os.path.join(parent, PREFIX + os.urandom(NAME_DIGITS // 2).hex())


def sweep(parent: str) -> None:
    """Remove the folders of dead servers: of our making, and no longer locked. Nothing but sockets is touched."""
    with os.scandir(parent) as entries:
        names = [entry.name for entry in entries if _is_our_name(entry.name)]
    for name in names:
        path = os.path.join(parent, name)
        try:
            lock_fd = _lock(path)
        except OSError:
            continue  # locked by a living server, closed to us, or gone meanwhile
        found = os.fstat(lock_fd)
        # A server started as root gives its folder to the account that it becomes.
        if stat.S_IMODE(found.st_mode) == 0o700 and (found.st_uid == os.geteuid() or os.geteuid() == 0):
            with contextlib.suppress(OSError):  # left for the next sweep
                remove_sockets(os.fsencode(path))
        os.close(lock_fd)


def _is_our_name(name: str) -> bool:
    digits = name.removeprefix(PREFIX)
    return name.startswith(PREFIX) and len(digits) == NAME_DIGITS and not digits.strip("0123456789abcdef")


def _lock(path: str) -> int:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        raise
    return fd
