"""A file that is written beside its place and takes it in one step: others see the old content or the new, never a mix.

rename(2) within a folder is atomic; fsync(2) of the file before it and of the folder after it make it last over a loss
of power. A draft has a name that nobody can guess and nobody is shown, and is gone when it was not published.
"""

import contextlib
import ctypes
import errno
import os
import stat
from collections.abc import Iterator
from enum import StrEnum
from typing import Protocol

from filewarden.workers.errors import Code, ToolFailure

PREFIX = b".filewarden-draft-"
NAME_DIGITS = 32
NOREPLACE, EXCHANGE = 1, 2
KEPT_MODE = 0o777
"""Never the set-id and sticky bits: they would vouch for content that somebody else has given."""


class Durability(StrEnum):
    """What a finished write has outlived."""

    FULL = "full"
    """A loss of power."""
    RENAME = "rename"
    """The end of any process."""


class Seen(Protocol):
    """How a file was when its content was read."""

    st_dev: int
    st_ino: int
    st_size: int
    st_mtime_ns: int


class Draft:
    """One new content, in the folder where it will be. `folder` is a descriptor that may be of O_PATH."""

    def __init__(self, folder: int, durability: Durability) -> None:
        self._folder = folder
        self._durability = durability
        self._name = PREFIX + os.urandom(NAME_DIGITS // 2).hex().encode()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self.fd = os.open(self._name, flags, 0o600, dir_fd=folder)
        self._is_published = False

    def write(self, data: bytes | memoryview) -> None:
        """Add to the content."""
        view = memoryview(data)
        while view:
            view = view[os.write(self.fd, view) :]

    def take_mode(self, mode: int) -> None:
        """Give it the permissions of `mode`."""
        os.fchmod(self.fd, mode & KEPT_MODE)

    def take_attributes(self, old: int) -> None:
        """Give it the extended attributes of an open file, access control lists among them.

        What only the system may set stays behind (xattr(7): `security.` and `trusted.`).
        """
        for name in _attributes(old):
            if name.startswith(("user.", "system.posix_acl_")):
                os.setxattr(self.fd, name, os.getxattr(old, name))

    def create(self, name: bytes) -> None:
        """Publish it under a name that is free.

        Raises:
            FileExistsError: it is taken, and stays as it is.
        """
        self._finish()
        _rename(self._folder, self._name, name, NOREPLACE)
        self._published()

    def replace(self, name: bytes, seen: Seen | None = None) -> None:
        """Publish it in place of what has that name; with `seen`, only if that is still the file that was read.

        Raises:
            ToolFailure: conflict; the other file stays as it is.
        """
        self._finish()
        if seen is None:
            os.rename(self._name, name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        else:
            self._exchange(name, seen)
        self._published()

    def _exchange(self, name: bytes, seen: Seen) -> None:
        """Change places, look at what was replaced, and change back if it is not what was read."""
        try:
            _rename(self._folder, self._name, name, EXCHANGE)
        except FileNotFoundError:
            raise _conflict() from None
        replaced = os.stat(self._name, dir_fd=self._folder, follow_symlinks=False)
        if not _is_same(replaced, seen):
            _rename(self._folder, self._name, name, EXCHANGE)
            raise _conflict()
        os.unlink(self._name, dir_fd=self._folder)

    def _finish(self) -> None:
        if self._durability is Durability.FULL:
            os.fsync(self.fd)

    def _published(self) -> None:
        self._is_published = True
        if self._durability is Durability.FULL:
            sync_folder(self._folder)

    def close(self) -> None:
        """Leave nothing behind that was not published."""
        os.close(self.fd)
        if not self._is_published:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._name, dir_fd=self._folder)


@contextlib.contextmanager
def draft(folder: int, durability: Durability) -> Iterator[Draft]:
    """A draft that is gone in the end, unless it was published."""
    new = Draft(folder, durability)
    try:
        yield new
    finally:
        new.close()


def sync_folder(folder: int) -> None:
    """Make the names in a folder last (fsync(2): a file's own does not cover its name)."""
    fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def is_draft(name: bytes) -> bool:
    """Whether a name is one that drafts have."""
    digits = name.removeprefix(PREFIX)
    return name.startswith(PREFIX) and len(digits) == NAME_DIGITS and not digits.strip(b"0123456789abcdef")


def _is_same(found: os.stat_result, seen: Seen) -> bool:
    return stat.S_ISREG(found.st_mode) and (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns) == (
        seen.st_dev,
        seen.st_ino,
        seen.st_size,
        seen.st_mtime_ns,
    )


def _attributes(fd: int) -> list[str]:
    try:
        return os.listxattr(fd)
    except OSError as error:
        if error.errno in (errno.ENOTSUP, errno.EPERM):  # a file system without any
            return []
        raise


def _conflict() -> ToolFailure:
    return ToolFailure(
        Code.CONFLICT,
        "The file has changed since it was read. Nothing was changed here; read it again before another try.",
    )


_libc = ctypes.CDLL(None, use_errno=True)


def _rename(folder: int, old: bytes, new: bytes, flags: int) -> None:
    """renameat2(2) within one folder; raises OSError."""
    if _libc.renameat2(folder, old, folder, new, flags) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
