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
from filewarden.workers.writing.write_failures import failures_of

if TYPE_CHECKING:
    from filewarden.workers.context import Context

_DIGEST = re.compile(r"[0-9a-fA-F]{64}")
_BLOCK_BYTES = 1 << 20


def checked_digest(expected: str | None) -> str | None:
    """What a client expects, in small letters; raises ToolFailure(invalid_argument)."""
    if expected is not None and not _DIGEST.fullmatch(expected):
        raise ToolFailure(Code.INVALID_ARGUMENT, "expected_sha256 must be 64 hexadecimal digits, as tools give sha256.")
    return None if expected is None else expected.lower()


def open_old(target: Target) -> Handle:
    """Open the file at a target for reading.

    Raises:
        ToolFailure: it is no file, cannot be read, or is another than a moment ago.
    """
    state = require_file(target)
    with failures_of(target.asked):
        fd = os.open(target.name, READ, dir_fd=target.folder.fd)
    handle = Handle(fd, target.folder.root, target.names, target.asked, os.fstat(fd), is_readable=True)
    if not is_same(handle.stat, state):
        handle.close()
        raise changed()
    return handle


def read_old(context: "Context", target: Target) -> bytes:
    """The whole content.

    Raises:
        ToolFailure: as `open_old`; too_large; conflict, if it changes meanwhile.
    """
    most = context.writing.max_file_bytes
    with open_old(target) as handle, failures_of(target.asked):
        size = handle.stat.st_size
        if size > most:
            raise too_large(target.asked, size, most)
        data = bytearray()
        while block := os.pread(handle.fd, min(_BLOCK_BYTES, size + 1 - len(data)), len(data)):
            data += block
        if len(data) != size or not is_same(os.fstat(handle.fd), handle.stat):
            raise changed()
    return bytes(data)


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
