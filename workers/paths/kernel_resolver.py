"""The resolver that asks the kernel: openat2(2) for the whole of a path without any link, which is nearly every path.

What has a link on its way is walked (`walking_resolver.py`).
"""

import errno
from collections.abc import Callable

from filewarden.workers.paths.resolution import FOLDER, NOT_NAMES, Names, Resolved, Start, Unresolved, normalise
from filewarden.workers.paths.walking_resolver import WalkingResolver


class KernelResolver:
    """openat2 without links for the whole path; a path with a link goes to the walker."""

    def __init__(self) -> None:
        # Loads ctypes, which the front-end must not.
        from filewarden.workers.paths import openat2, permission

        self._openat2 = openat2.openat2
        self.can_read, self.can_write = permission.can_read, permission.can_write
        plain = openat2.BENEATH | openat2.NO_MAGICLINKS | openat2.NO_SYMLINKS
        self._how = (plain, plain | openat2.NO_XDEV)
        """By whether a mount on the way is a way out."""
        self._walker = WalkingResolver()

    def open(self, start: Start, names: Names, flags: int) -> Resolved:
        """See `Resolver`."""
        real = names if NOT_NAMES.isdisjoint(names) else normalise(names)
        if real is None:
            raise Unresolved(errno.EXDEV, ())
        if start.is_closed is not None and b".." in names:
            return self._walker.open(start, names, flags)  # which looks at every folder that the path passes
        try:
            fd = self._openat2(start.fd, b"/".join(names) or b".", flags, self._how[start.one_filesystem])
        except OSError as error:
            is_told_by_walking = error.errno in (errno.ELOOP, errno.EXDEV) or b".." in names  # where did it end?
            if not is_told_by_walking:
                raise Unresolved(error.errno or errno.EIO, real) from None
        else:
            return Resolved(fd, real)
        return self._walker.open(start, names, flags)

    def open_plain(self, start: Start, names: Names, flags: int) -> int:
        """See `Resolver`."""
        try:
            return self._openat2(start.fd, b"/".join(names) or b".", flags, self._how[start.one_filesystem])
        except OSError as error:
            raise Unresolved(error.errno or errno.EIO, names) from None

    def opener(self, start: Start) -> Callable[[Names], int]:
        """See `Resolver`."""
        openat2, top, how = self._openat2, start.fd, self._how[start.one_filesystem]
        return lambda names: openat2(top, b"/".join(names) or b".", FOLDER, how)
