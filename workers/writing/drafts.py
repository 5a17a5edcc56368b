"""A file that is written beside its place and takes it in one step: others see the old content or the new, never a mix.

rename(2) within a folder is atomic; fsync(2) of the file before it and of the folder after it make it last over a loss
of power (`Draft.last`). A draft has a name that nobody can guess and nobody is shown, is locked as long as its writer
lives, and is gone when it was not published.
"""

import contextlib
import errno
import fcntl
import os
import stat
import time
from typing import Self

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.history.flush import Flush
from filewarden.workers.paths.reserved import DRAFT_PREFIX, NAME_DIGITS, is_draft
from filewarden.workers.rules.durability import Durability
from filewarden.workers.rules.unkept import Unkept
from filewarden.workers.writing import renames
from filewarden.workers.writing.identity import is_same
from filewarden.workers.writing.write_failures import made

KEPT_MODE = 0o777
"""Never the set-id and sticky bits: they would vouch for content that somebody else has given."""
NEW_MODE = 0o644
"""Of a file that is new: nobody else may change it, whatever the folder allows, and nobody may run it."""
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
"""How the version of a file that a change is based on is opened by its name."""
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_TRIES = 8
_PAUSE_S = 0.01
_ACCESS_LIST = "system.posix_acl_access"
_NO_ATTRIBUTES = (errno.ENOTSUP, errno.EPERM, errno.ENOSYS)


class Draft:
    """One new content, in the folder where it will be, and gone in the end unless it was published.

    `folder` is a descriptor that may be of O_PATH.
    """

    def __init__(self, folder: int, durability: Durability) -> None:
        self._folder = folder
        self._durability = durability
        self._name, self.fd, self._group = _create(folder)
        self.unkept: tuple[Unkept, ...] = ()
        """What of the file that it replaces it could not take."""
        self._is_published = False
        self._flush = Flush(self.fd) if durability is Durability.FULL else None
        self._folder_flush: Flush | None = None
        self._holds_old = False
        self._readable = -1
        """The folder, as locks and fsync(2) want it."""

    def write(self, data: bytes | memoryview) -> None:
        """Add to the content."""
        view = memoryview(data)
        while view:
            view = view[os.write(self.fd, view) :]

    def take_mode(self, mode: int) -> None:
        """Give it the permissions of `mode`."""
        os.fchmod(self.fd, mode & KEPT_MODE)

    def take_rights(self, mode: int, owner: int | None, group: int | None, *, has_list: bool = False) -> None:
        """Give it the permissions of the file in whose place it comes; None: nobody knows whose that was.

        Its owner is the server's account, and its group that account's, or the folder's where that has the
        set-group-id bit: no worker may call chown(2). Where that is another one, it gets no right that everybody has
        not: those were for somebody else. `has_list`: the file had an access control list; where this one has none, the
        group's rights are no more known, as the mode tells what the list gave at most.
        """
        self.unkept = ()
        if owner not in (None, os.geteuid()):
            self.unkept = ("owner",)
        if group not in (None, self._group) or (has_list and not has_access_list(self.fd)):
            self.unkept = (*self.unkept, "group")
            mode &= ~0o070 | (mode & 0o007) << 3
        self.take_mode(mode)

    def take_attributes(self, old: int) -> None:
        """Give it the extended attributes of an open file, access control lists among them.

        What only the system may set stays behind (xattr(7): `security.` and `trusted.`). A list that cannot be kept
        is a reason to stop: without it, the mode alone would let others in.

        Raises:
            ToolFailure: unsupported.
        """
        for name in _attributes(old):
            if name.startswith("user."):
                os.setxattr(self.fd, name, os.getxattr(old, name))
            elif name.startswith("system.posix_acl_"):
                try:
                    os.setxattr(self.fd, name, os.getxattr(old, name))
                except OSError:
                    raise ToolFailure(
                        Code.UNSUPPORTED,
                        "The file has an access control list that the server cannot carry over to a new version of it. "
                        "Nothing was changed.",
                    ) from None

    @property
    def flushes(self) -> tuple[Flush, ...]:
        """What `flush` waits for."""
        return () if self._flush is None else (self._flush,)

    def flush(self) -> None:
        """Make the content last, where it is to; raises OSError."""
        if self._flush is not None:
            self._flush.finish()
            self._flush = None

    def create(self, name: bytes) -> None:
        """Publish it under a name that is free.

        Raises:
            FileExistsError: it is taken, and stays as it is.
        """
        self.flush()
        renames.without_replacing(self._folder, self._name, self._folder, name)
        self._is_published = True

    def replace(self, name: bytes, seen: os.stat_result | None = None) -> None:
        """Publish it in place of what has that name; with `seen`, only if that is still the file that was read.

        Raises:
            ToolFailure: conflict; the other file stays as it is.
        """
        self.flush()
        if seen is None:
            os.rename(self._name, name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        else:
            self._keep_from_sweeps()
            self._exchange(name, seen)
        self._is_published = True

    def _exchange(self, name: bytes, seen: os.stat_result) -> None:
        """Change places, look at what was replaced, and change back if it is not what was read."""
        try:
            renames.exchange(self._folder, self._name, self._folder, name)
        except FileNotFoundError:
            raise changed() from None
        except OSError as error:
            if error.errno != errno.EINVAL:  # a file system that cannot
                raise
            self._compare_and_rename(name, seen)
            return
        try:
            replaced = os.stat(self._name, dir_fd=self._folder, follow_symlinks=False)
        except OSError:
            renames.exchange(self._folder, self._name, self._folder, name)
            raise
        if not is_same(replaced, seen):
            renames.exchange(self._folder, self._name, self._folder, name)
            raise changed()
        self._holds_old = True

    def _compare_and_rename(self, name: bytes, seen: os.stat_result) -> None:
        if not is_same(os.stat(name, dir_fd=self._folder, follow_symlinks=False), seen):
            raise changed()
        os.rename(self._name, name, src_dir_fd=self._folder, dst_dir_fd=self._folder)

    def last_flushes(self, folder: object = None) -> tuple[Flush, ...]:
        """What `last` waits for; `folder` identifies the folder among others. Raises OSError."""
        if self._holds_old:
            self._holds_old = False
            with contextlib.suppress(FileNotFoundError):  # swept: nobody has locked it
                os.unlink(self._name, dir_fd=self._folder)
        if self._durability is not Durability.FULL:
            return ()
        self._folder_flush = Flush(self._opened_folder(), folder)
        return (self._folder_flush,)

    def last(self) -> None:
        """Make its name last; then see that it is this file, and not one that took the draft's name in between.

        Raises:
            ToolFailure: conflict.
            OSError: it is published, and a loss of power may undo that.
        """
        if self._folder_flush is None:
            self.last_flushes()
        if self._folder_flush is not None:
            self._folder_flush.finish()
        if os.fstat(self.fd).st_nlink == 0:
            raise ToolFailure(
                Code.CONFLICT,
                "Somebody else changed the same path at the same moment, so what was written may not be what is there. "
                "Look at it before another try.",
                outcome="unknown",
            )

    def close(self) -> None:
        """Leave nothing behind that was not published."""
        try:
            if self._holds_old or not self._is_published:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self._name, dir_fd=self._folder)
        finally:
            if self._readable >= 0:
                os.close(self._readable)
            os.close(self.fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _opened_folder(self) -> int:
        if self._readable < 0:
            self._readable = os.open(".", _FOLDER, dir_fd=self._folder)
        return self._readable

    def _keep_from_sweeps(self) -> None:
        """Keep the folder from being swept until the end; not where somebody else holds its lock for too long."""
        try:
            readable = self._opened_folder()
        except PermissionError:  # then nobody sweeps it
            return
        for _ in range(_MOST_TRIES):
            try:
                fcntl.flock(readable, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(_PAUSE_S)
            except OSError:  # locks do not work here: then nothing is swept
                return
            else:
                return


def sync_folder(folder: int) -> None:
    """Make the names in a folder, which have changed, last (fsync(2): a file's own does not cover its name).

    Raises:
        LastingError, FileNotFoundError.
    """
    with made():
        fd = os.open(".", _FOLDER, dir_fd=folder)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def sweep(folder: int) -> int:
    """Remove drafts that nobody writes any more from a folder; how many there were.

    A living writer holds the lock of its draft, in this server or another one; where locks do not work, nothing goes.
    Nor while anybody exchanges a draft: what has the draft's name then may be somebody's only version of a file.
    """
    readable = os.open(".", _FOLDER, dir_fd=folder)
    try:
        try:
            fcntl.flock(readable, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return 0
        return sweep_locked(readable)
    finally:
        os.close(readable)


def sweep_locked(folder: int) -> int:
    """The same for whoever holds the lock of the folder already, by this descriptor, which can be read."""
    with os.scandir(folder) as entries:
        found = [name for entry in entries if is_draft(name := os.fsencode(entry.name))]
    return sum(_remove_orphan(folder, name) for name in found)


def changed() -> ToolFailure:
    """Refuse because a file is another than the one that was read."""
    return ToolFailure(
        Code.CONFLICT,
        "The file has changed since it was read. Nothing was changed here; read it again before another try.",
    )


def _create(folder: int) -> tuple[bytes, int, int]:
    """Make an empty file that is locked; a sweep that comes in between takes it away, and another is made.

    Its name, its descriptor and its group.
    """
    for _ in range(_MOST_TRIES):
        name = DRAFT_PREFIX + os.urandom(NAME_DIGITS // 2).hex().encode()
        fd = os.open(name, _NEW, 0o600, dir_fd=folder)
        with contextlib.suppress(OSError):  # locks do not work here: then nothing is swept
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            state = os.fstat(fd)
        except BaseException:
            os.close(fd)
            raise
        if state.st_nlink:
            return name, fd, state.st_gid
        os.close(fd)
    raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))


def _remove_orphan(folder: int, name: bytes) -> bool:
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return False
    try:
        state = os.fstat(fd)
        if not stat.S_ISREG(state.st_mode) or state.st_uid != os.geteuid():
            return False
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(name, dir_fd=folder)
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


def has_access_list(fd: int) -> bool:
    """Whether an open file has an access control list beyond its mode; raises OSError."""
    return _ACCESS_LIST in _attributes(fd)


def _attributes(fd: int) -> list[str]:
    try:
        return os.listxattr(fd)
    except OSError as error:
        if error.errno in _NO_ATTRIBUTES:  # a file system without any
            return []
        raise
