"""A file that holds a secret: nobody else may have read or written it."""

import os
import stat

from filewarden.config.errors import ConfigError, Problem


def read_private(key: str, path: str, most_bytes: int) -> bytes:
    """What a file of our own begins with: one byte more than `most_bytes` at most, so that its caller sees too much.

    `key` is the setting that leads to it.

    Raises:
        OSError: there is none, or what is there cannot be opened; a link is not followed.
        ConfigError: others have a part in it.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _insist_on_private(key, path, os.fstat(fd))
        return os.read(fd, most_bytes + 1)
    finally:
        os.close(fd)


def require_private(key: str, path: str, most_bytes: int) -> bytes:
    """Likewise, where it has to be there; raises ConfigError."""
    try:
        return read_private(key, path, most_bytes)
    except OSError as error:
        raise unfit(key, path, f"cannot be read: {error.strerror}") from None


def unfit(key: str, path: str, sentence: str) -> ConfigError:
    """What is told of a file that cannot be used, with what to do about it."""
    return ConfigError([Problem(key, "", f"{path} {sentence}")])


def _insist_on_private(key: str, path: str, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise unfit(key, path, "is no regular file: remove it, and use a new one")
    if found.st_uid != os.geteuid():
        raise unfit(key, path, f"belongs to user {found.st_uid}, not to us: remove it, or change its owner")
    if found.st_mode & 0o077:
        mode = stat.S_IMODE(found.st_mode)
        raise unfit(
            key, path, f"can be read by others (mode {mode:04o}): run chmod 600, and make a new one if in doubt"
        )
