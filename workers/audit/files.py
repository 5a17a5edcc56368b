"""The files of the audit log: the one that is written, and the older ones beside it, `NAME.1` the latest of them.

Several servers may write one log. Each holds the file's lock (flock(2)) while it looks at the end and adds lines; a
file that is full ends with a line that says so, and whoever needs the next one makes it, under the lock of the full
one. Everything goes by the handle of the folder and one name, and no link is followed.
"""

import contextlib
import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator

from filewarden.workers.audit.chain import MOST_LINE_BYTES, Position, is_end, position_of
from filewarden.workers.file_lock import lock

LOCK_S = 1.0
"""How long another server may hold the file; it does for as long as a write takes."""
TAIL_BYTES = 2 * MOST_LINE_BYTES
_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
_REASONS = {
    errno.ELOOP: "it is a symbolic link",
    errno.ENXIO: "it is a socket",
    errno.EISDIR: "it is a folder",
    errno.EBADF: "it is no regular file",
    errno.EAGAIN: "another process keeps it locked",
    errno.ENOENT: "its folder does not exist",
}


def reason_of(error: OSError) -> str:
    """Why a log cannot be written, for a person."""
    number = error.errno or errno.EIO
    return _REASONS.get(number) or os.strerror(number)


def open_folder(path: str) -> int:
    """A handle on the folder of the log; OSError when there is none."""
    return os.open(path or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def current(folder_fd: int, name: str, keep: int) -> int:
    """Open the file that lines are to be added to: made where there is none, the next one where it is full.

    Raises:
        OSError: it cannot be had, or is nothing that lines may be added to.
    """
    give_up_at = time.monotonic() + LOCK_S
    while True:
        fd = opened(folder_fd, name)
        try:
            with locked(fd, give_up_at):
                if _is_named(folder_fd, name, fd):
                    _prepare(folder_fd, name, fd, keep)
                    if _is_named(folder_fd, name, fd):
                        return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)  # it was full, or another server was faster
        if time.monotonic() >= give_up_at:
            raise BlockingIOError(errno.EAGAIN, "the file keeps changing")


def opened(folder_fd: int, name: str) -> int:
    """A handle on a file of the log, made where there is none; OSError when it is no regular file of that very name."""
    fd = os.open(name, _FLAGS | os.O_CREAT, 0o600, dir_fd=folder_fd)
    try:
        facts = os.fstat(fd)
        if not stat.S_ISREG(facts.st_mode):
            raise OSError(errno.EBADF, "no regular file")
        if facts.st_uid == os.geteuid() and stat.S_IMODE(facts.st_mode) & 0o077:
            os.fchmod(fd, 0o600)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _is_named(folder_fd: int, name: str, fd: int) -> bool:
    try:
        named = os.stat(name, dir_fd=folder_fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(named, os.fstat(fd))


def _prepare(folder_fd: int, name: str, fd: int, keep: int) -> None:
    """Put a file that is full aside."""
    lines = last_lines(fd, os.fstat(fd).st_size)
    if lines and is_end(lines[-1]) and (position := position_of(lines[-1])):
        _make_next(folder_fd, name, position, keep)


def _make_next(folder_fd: int, name: str, position: Position, keep: int) -> None:
    """All that can fail for want of space is done before anything is renamed."""
    new = f"{name}.new"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(new, dir_fd=folder_fd)  # of a server that was ended here
    fd = os.open(new, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder_fd)
    try:
        append(fd, position.add(b'{"event":"continue"}'), 0)
    except OSError:
        os.unlink(new, dir_fd=folder_fd)
        raise
    finally:
        os.close(fd)
    for number in range(keep - 1, 0, -1):
        with contextlib.suppress(FileNotFoundError):
            os.rename(f"{name}.{number}", f"{name}.{number + 1}", src_dir_fd=folder_fd, dst_dir_fd=folder_fd)
    os.rename(name, f"{name}.1", src_dir_fd=folder_fd, dst_dir_fd=folder_fd)
    os.rename(new, name, src_dir_fd=folder_fd, dst_dir_fd=folder_fd)


@contextlib.contextmanager
def locked(fd: int, give_up_at: float) -> Iterator[None]:
    """Hold the file's lock; OSError (EAGAIN) when another server does for too long."""
    lock(fd, give_up_at)
    try:
        yield
    finally:
        fcntl.flock(fd, fcntl.LOCK_UN)


def last_lines(fd: int, size: int) -> list[bytes]:
    """The last lines of a file of so many bytes, without line ends; a last one that is not ended counts too."""
    start = max(0, size - TAIL_BYTES)
    tail = os.pread(fd, size - start, start)
    return tail.removesuffix(b"\n").split(b"\n")[1 if start else 0 :]


def append(fd: int, data: bytes, size: int) -> None:
    """Add bytes to a locked file of that size, or leave it as it was; OSError says why."""
    try:
        if os.write(fd, data) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(fd, size)
        raise
