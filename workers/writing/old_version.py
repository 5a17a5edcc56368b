"""The version of a file that a change is based on: opened by its name in an open folder, never through a link."""

import hashlib
import os
import re
from typing import TYPE_CHECKING

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.paths.handle import Handle
from filewarden.workers.paths.names import echo
from filewarden.workers.writing.drafts import READ, changed
from filewarden.workers.writing.identity import is_same
from filewarden.workers.writing.target import Target, require_file
from filewarden.workers.writing.write_failures import failures_of, write_failure

if TYPE_CHECKING:
    from filewarden.workers.context import Context

_DIGEST = re.compile(r"[0-9a-fA-F]{64}")
_BLOCK_BYTES = 1 << 20
SMALL_BYTES = 1 << 16
"""What is read at once where a part of it is asked for: the history needs all of it soon."""


def checked_digest(expected: str | None) -> str | None:
    """What a client expects, in small letters; raises ToolFailure(invalid_argument)."""
    if expected is not None and not _DIGEST.fullmatch(expected):
        raise ToolFailure(Code.INVALID_ARGUMENT, "expected_sha256 must be 64 hexadecimal digits, as tools give sha256.")
    return None if expected is None else expected.lower()


def open_old(target: Target) -> Handle:
    """The file at a target, open for reading as long as the target is.

    Raises:
        ToolFailure: it is no file, cannot be read, or is another than a moment ago.
    """
    if target.old is not None:
        return target.old
    state = require_file(target)
    try:
        fd = os.open(target.name, READ, dir_fd=target.folder.fd)
    except OSError as error:
        raise write_failure(error, target.asked) from None
    handle = target.old = Handle(fd, target.folder.root, target.names, target.asked, os.fstat(fd), is_readable=True)
    if not is_same(handle.stat, state):
        raise changed()
    return handle


def read_old(context: "Context", target: Target) -> bytes:
    """The whole content.

    Raises:
        ToolFailure: as `open_old`; too_large; conflict, if it changes meanwhile.
    """
    most = context.writing.max_file_bytes
    handle = open_old(target)
    if handle.stat.st_size > most:
        raise too_large(target.asked, handle.stat.st_size, most)
    return _content(target, handle)


def first_of_old(target: Target, length: int) -> bytes:
    """So many bytes of the beginning.

    Raises:
        ToolFailure: as `read_old`.
    """
    handle = open_old(target)
    if handle.stat.st_size <= SMALL_BYTES:
        return _content(target, handle)[:length]
    with failures_of(target.asked):
        return os.pread(handle.fd, length, 0)


def _content(target: Target, handle: Handle) -> bytes:
    if target.content is None:
        target.content = _whole(target, handle)
    return target.content


def _whole(target: Target, handle: Handle) -> bytes:
    size = handle.stat.st_size
    try:
        data = os.pread(handle.fd, min(_BLOCK_BYTES, size + 1), 0)
        if len(data) < size and data:
            more = bytearray(data)
            while block := os.pread(handle.fd, min(_BLOCK_BYTES, size + 1 - len(more)), len(more)):
                more += block
            data = bytes(more)
        now = os.fstat(handle.fd)
    except OSError as error:
        raise write_failure(error, target.asked) from None
    if len(data) != size or not is_same(now, handle.stat):
        raise changed()
    return data


def require_digest(expected: str | None, found: str) -> None:
    """Refuse a change of another version than the client knows; raises ToolFailure(conflict)."""
    if expected is not None and expected != found:
        raise ToolFailure(
            Code.CONFLICT,
            f"The file is not the one expected: its SHA-256 is {found}. Nothing was changed; read it again.",
            sha256=found,
        )


def absent(path: str) -> ToolFailure:
    """Refuse because a version was expected and there is none."""
    return ToolFailure(Code.CONFLICT, f"'{echo(path)}' is not there, but expected_sha256 names a version of it.")


def digest_of(data: bytes) -> str:
    """The SHA-256 in hexadecimal."""
    return hashlib.sha256(data, usedforsecurity=False).hexdigest()


def too_large(path: str, size: int, most: int) -> ToolFailure:
    """Refuse to change a file, or to make one, of such a size."""
    return ToolFailure(
        Code.TOO_LARGE,
        f"File too large: '{echo(path)}' has or would have {size:,} bytes; {most:,} are allowed "
        "(writes.max_file_bytes). Nothing was changed.",
        size=size,
        limit=most,
    )
