"""What a failed change means for the client who asked for it: each errno one code and one sentence."""

import contextlib
import errno
from collections.abc import Iterator

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.paths.names import echo

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


def write_failure(error: OSError, path: str) -> ToolFailure:
    """Say what it means; `path` is the client's own text."""
    shown = f"'{echo(path)}'"
    word = errno.errorcode.get(error.errno or 0, "unknown error")
    code, sentence = _SENTENCES.get(
        error.errno or 0, (Code.IO_ERROR, f"The file system failed to change {{path}} ({word}). Look at it again.")
    )
    return ToolFailure(code, sentence.replace("{path}", shown), errno=word)


@contextlib.contextmanager
def failures_of(path: str) -> Iterator[None]:
    """Let no failed system call of a change go on without a code and a sentence."""
    try:
        yield
    except OSError as error:
        raise write_failure(error, path) from None
