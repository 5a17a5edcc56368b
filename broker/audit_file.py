"""The file of the audit log in the hands of one server: lines go to its end, after whatever others have written."""

import os
import time
from contextlib import AbstractContextManager

from filewarden.broker.log import Log
from filewarden.workers.audit.chain import Position, digest_of, first_position, is_end, position_of, prev_of
from filewarden.workers.audit.files import append, last_lines, locked

LOOK_S = 1.0
"""How often it is looked whether the file still has its name."""


class FullError(Exception):
    """The file goes on elsewhere."""


class AuditFile:
    """An open file of the log, and where its chain stands as far as we have read or written it."""

    def __init__(self, fd: int, path: str, max_bytes: int, log: Log) -> None:
        self._fd = fd
        self._path = path
        self._max_bytes = max_bytes
        self._log = log
        self._position = first_position()
        self._size = -1
        """Where our latest line ended; -1 until the file's end was looked at."""
        self._looked_at = 0.0

    @property
    def is_open(self) -> bool:
        """Whether there is a file."""
        return self._fd >= 0

    @property
    def is_full(self) -> bool:
        """Whether the next line belongs into another file."""
        return 0 < self._max_bytes <= self._size

    @property
    def last(self) -> str:
        """The hash of the last line that is known."""
        return self._position.digest

    def append(self, bodies: list[bytes]) -> bool:
        """Add lines made of these bodies, all of them or nothing; whether it was the end of the file.

        The lock of the file is held by the caller (`locked`).

        Raises:
            FullError: another server has ended it.
            OSError: it cannot be written.
        """
        size = os.fstat(self._fd).st_size
        opening = b"" if size == self._size else self._catch_up(size)
        position = self._position.copy()
        if size == 0 and self._size < 0:
            opening = position.add(b'{"event":"continue"}' if position.seq else b'{"event":"begin"}')
        data = opening + position.add_all(bodies)
        is_full = 0 < self._max_bytes <= size + len(data)
        if is_full:
            data += position.add(b'{"event":"end"}')
        append(self._fd, data, size)
        self._position, self._size = position, size + len(data)
        return is_full

    def locked(self) -> AbstractContextManager[None]:
        """Hold the file's lock; BlockingIOError when another server does."""
        return locked(self._fd, 0.0)

    def _catch_up(self, size: int) -> bytes:
        """Learn what others have written since; what has to stand before our next line."""
        is_ended = size == 0 or os.pread(self._fd, 1, size - 1) == b"\n"
        opening = b"" if is_ended else b"\n"
        if size == 0 and self._size < 0:
            return b""  # a new file
        if size < self._size:
            self._log.error("the audit log was cut off at its end: `filewarden audit verify` shows where")
        elif size:
            self._follow(last_lines(self._fd, size), is_ended=is_ended)
        if is_ended:
            self._size = size
        return opening

    def _follow(self, lines: list[bytes], *, is_ended: bool) -> None:
        """Go on after these lines, whatever they are worth: a damaged end stays to be seen."""
        last, before = lines[-1], lines[-2] if len(lines) > 1 else b""
        position = position_of(last) if is_ended else None
        if position is None or (self._size < 0 and before and prev_of(last) != digest_of(before)):
            self._log.error("the audit log is damaged at its end: `filewarden audit verify` shows where")
        if position is None:
            position = Position((position_of(before) or self._position).seq + 1, digest_of(last))
        self._position = position
        if is_end(last):
            raise FullError

    def check_name(self, *, is_in_trouble: bool) -> None:
        """Whoever moves or removes the file gets what is in it so far; lines go on in a new one of its name.

        Raises:
            FullError: the file has another name now, or none.
        """
        now = time.monotonic()
        if now - self._looked_at < LOOK_S:
            return
        self._looked_at = now
        try:
            is_ours = os.path.samestat(os.stat(self._path, follow_symlinks=False), os.fstat(self._fd))
        except (FileNotFoundError, NotADirectoryError):
            is_ours = False
        except OSError:  # the account that we have become may not look into that folder: when in trouble, the launcher
            is_ours = not is_in_trouble and os.fstat(self._fd).st_nlink > 0
        if not is_ours:
            if not is_in_trouble:
                self._log.warning("the audit log was moved, removed or replaced: a new file is begun")
            raise FullError

    def look_soon(self) -> None:
        """Look at the name before the next line."""
        self._looked_at = 0.0

    def adopt(self, fd: int) -> None:
        """Go on in another file."""
        os.close(self._fd)
        self._fd, self._size = fd, -1
        self._looked_at = time.monotonic()

    def close(self) -> None:
        """Let go of it."""
        os.close(self._fd)
        self._fd = -1
