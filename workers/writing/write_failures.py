"""What a failed change means for the client who asked for it: each errno one code and one sentence."""

import contextlib
import errno
import os
from collections.abc import Iterator

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.paths.names import echo

_UNTOUCHED = " Nothing was changed."
_SENTENCES = {
    errno.ENOSPC: (Code.IO_ERROR, "No space is left on the file system of {path}. Nothing was changed."),
    errno.EDQUOT: (Code.IO_ERROR, "The disk quota for {path} is used up. Nothing was changed."),
    errno.EFBIG: (Code.TOO_LARGE, "{path} would become too large for its file system. Nothing was changed."),
    errno.EINVAL: (
        Code.UNSUPPORTED,
        "The file system of {path} cannot rename without the risk of replacing something. Nothing was changed.",
    ),
    errno.EROFS: (Code.READ_ONLY, "{path} lies on a file system that is read-only. Nothing was changed."),
    errno.EACCES: (Code.ACCESS_DENIED, "Access denied: the server has no permission to change {path}."),
    errno.EPERM: (Code.ACCESS_DENIED, "Access denied: the server has no permission to change {path}."),
    errno.ENAMETOOLONG: (Code.INVALID_ARGUMENT, "A name in {path} is too long for its file system."),
    errno.EEXIST: (Code.ALREADY_EXISTS, "{path} exists already. Nothing was changed."),
    errno.ENOTEMPTY: (Code.CONFLICT, "{path} is not empty. Nothing was changed."),
    errno.ENOENT: (Code.CONFLICT, "{path}, or its folder, was taken away meanwhile. Look again before another try."),
    errno.ENOTDIR: (Code.CONFLICT, "{path} became something else meanwhile. Look again before another try."),
    errno.EISDIR: (Code.CONFLICT, "{path} became something else meanwhile. Look again before another try."),
    errno.ELOOP: (Code.CONFLICT, "{path} became something else meanwhile. Look again before another try."),
    errno.EBUSY: (Code.CONFLICT, "{path} is in use, as what something is mounted on. Nothing was changed."),
    errno.EMLINK: (Code.CONFLICT, "The folder of {path} cannot hold more folders. Nothing was changed."),
}


class LastingError(OSError):
    """A change was made, and could not be made to outlive a loss of power."""


class PartlyError(OSError):
    """A part of a change was made, and stays so."""


@contextlib.contextmanager
def made() -> Iterator[None]:
    """What fails within comes after a change, which it does not take back; raises LastingError, FileNotFoundError."""
    try:
        yield
    except FileNotFoundError:  # somebody else has taken it away since
        raise
    except OSError as error:
        raise LastingError(error.errno, os.strerror(error.errno or 0)) from None


def write_failure(error: OSError, path: str) -> ToolFailure:
    """Say what it means; `path` is the client's own text."""
    shown = f"'{echo(path)}'"
    word = errno.errorcode.get(error.errno or 0, "unknown error")
    if isinstance(error, LastingError):
        return ToolFailure(
            Code.IO_ERROR,
            f"{shown} was changed, but a loss of power may undo that: the file system failed to store it ({word}).",
            errno=word,
        )
    code, sentence = _SENTENCES.get(
        error.errno or 0, (Code.IO_ERROR, f"The file system failed to change {{path}} ({word}). Look at it again.")
    )
    if isinstance(error, PartlyError):
        sentence = f"{sentence.removesuffix(_UNTOUCHED)} A part of it was removed before."
    return ToolFailure(code, sentence.replace("{path}", shown), errno=word)


@contextlib.contextmanager
def failures_of(path: str) -> Iterator[None]:
    """Let no failed system call of a change go on without a code and a sentence."""
    try:
        yield
    except OSError as error:
        raise write_failure(error, path) from None
