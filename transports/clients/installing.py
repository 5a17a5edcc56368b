"""How a client's file is replaced: the old one kept beside it, the new one whole or not there."""

import contextlib
import difflib
import os
import stat
import tempfile
import time

MOST_BYTES = 16 * 1024 * 1024
"""No client's settings are larger: what is, is not what it seems."""


def read_text(path: str) -> str:
    """The file's text, "" when there is none.

    Raises:
        OSError: it cannot be read, or is too large.
        UnicodeDecodeError: it is no UTF-8.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return ""
    if len(content) > MOST_BYTES:
        raise OSError(f"it has more than {MOST_BYTES} bytes")
    return content.decode("utf-8")


def difference(path: str, old: str, new: str) -> str:
    """A unified diff, for the user to look at."""
    lines = difflib.unified_diff(
        old.splitlines(keepends=True), new.splitlines(keepends=True), path if old else os.devnull, path
    )
    return "".join(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n" for line in lines)


def replace(path: str, text: str) -> str | None:
    """Write `text` in one step, through links, with the old file's mode; the path of the copy of the old file, if any.

    Raises:
        OSError: it could not be written; the old file is as it was.
    """
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    os.makedirs(folder, exist_ok=True)
    backup = _back_up(target)
    fd, temporary = tempfile.mkstemp(dir=folder, prefix=".filewarden-")
    try:
        with os.fdopen(fd, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fchmod(fd, stat.S_IMODE(os.stat(target).st_mode) if backup else 0o600)
            os.fsync(fd)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    return backup


def _back_up(target: str) -> str | None:
    try:
        with open(target, "rb") as file:
            content, mode = file.read(), stat.S_IMODE(os.fstat(file.fileno()).st_mode)
    except FileNotFoundError:
        return None
    backup = f"{target}.{time.strftime('%Y%m%d-%H%M%S')}.backup"
    fd = os.open(backup, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(fd)
    return backup
