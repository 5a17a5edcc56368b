"""Where a mount begins: what a root that keeps to one file system does not enter."""

import errno
import os


def is_crossing(start: int, fd: int, name: bytes = b"") -> bool:
    """Whether a name in the folder `fd`, or `fd` itself, is another mount than its folder; raises OSError.

    Where the kernel cannot tell, another device than that of `start` is taken for another mount.
    """
    # Loads ctypes, which the front-end must not.
    from filewarden.workers.paths.statx import is_mount

    found = is_mount(fd, name)
    if found is not None:
        return found
    state = os.stat(name, dir_fd=fd, follow_symlinks=False) if name else os.fstat(fd)
    return state.st_dev != os.fstat(start).st_dev


def unless_crossing(start: int, fd: int) -> int:
    """Give `fd` back, or close it where it is another mount; raises OSError, then with EXDEV."""
    try:
        if is_crossing(start, fd):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
    except BaseException:
        os.close(fd)
        raise
    return fd
