"""The folder of a history: its files by their names, and its locks."""

import contextlib
import os
import re
import time
from collections.abc import Iterator

from filewarden.workers.file_lock import is_locked, lock

_NAME = re.compile(rb"([0-9a-f]{24})\.(open|[0-9]{1,6})")
_READ = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Folder:
    """The open folder; `fd` may be of O_PATH."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def names(self) -> list[tuple[bytes, bytes]]:
        """Name and ending of each file that holds changes."""
        readable = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.fd)
        try:
            found = [_NAME.fullmatch(os.fsencode(name)) for name in os.listdir(readable)]
        finally:
            os.close(readable)
        return [(match[0], b"." + match[2]) for match in found if match is not None]

    def state(self, name: bytes) -> os.stat_result:
        """What is at a name; raises FileNotFoundError."""
        return os.stat(name, dir_fd=self.fd, follow_symlinks=False)

    @contextlib.contextmanager
    def opened(self, name: bytes) -> Iterator[int | None]:
        """A file, open within; None where there is none any more."""
        try:
            fd = os.open(name, _READ, dir_fd=self.fd)
        except FileNotFoundError:
            yield None
            return
        try:
            yield fd
        finally:
            os.close(fd)

    def remove(self, name: bytes) -> bool:
        """Forget what is in a file, unless it is being written; whether it is gone."""
        with self.opened(name) as fd:
            if fd is None:
                return True
            if is_locked(fd):
                return False
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=self.fd)
            return True

    def is_left(self, name: bytes, fd: int) -> bool:
        """Whether an open file that nobody seems to write is still there, and not one that was only just made."""
        with contextlib.suppress(FileNotFoundError):
            return os.path.samestat(self.state(name), os.fstat(fd)) and not is_locked(fd)
        return False

    @contextlib.contextmanager
    def locked(self, name: str, most_s: float) -> Iterator[int]:
        """Hold a lock of the folder, whose file is open within.

        Raises:
            BlockingIOError: somebody else keeps it for longer than `most_s`.
        """
        fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=self.fd)
        try:
            lock(fd, time.monotonic() + most_s)
            yield fd
        finally:
            os.close(fd)
