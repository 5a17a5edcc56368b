"""The bearer token: a private file that holds it, read at start or created then."""

import os
import re
import secrets
import stat
from collections.abc import Mapping

from filewarden.config.errors import ConfigError, Problem
from filewarden.config.folders import ensure_private_folder, state_folder
from filewarden.transports.private_file import read_private, unfit

KEY = "http.token_file"
FILE_NAME = "token"
ELSEWHERE = Problem(KEY, "", "needs that folder: name a file elsewhere, or another folder with XDG_STATE_HOME")
TOKEN_BYTES = 32
LONGEST_FILE = 4096
_TOKEN = re.compile(rb"[A-Za-z0-9._~+/-]{16,}=*", re.ASCII)
"""What a bearer token may be (RFC 6750, b64token), and at least so long that nobody guesses it."""


def token_path(token_file: str, environ: Mapping[str, str]) -> str:
    """Where the token is kept: the file of the settings, else `token` in the state folder, which is made.

    Raises:
        ConfigError: there is no usable state folder.
    """
    if token_file:
        return token_file
    folder = state_folder(environ)
    try:
        ensure_private_folder(folder)
    except ConfigError as error:
        raise ConfigError([*error.problems, ELSEWHERE]) from None
    return os.path.join(folder, FILE_NAME)


def read_or_create_token(path: str, key: str = KEY) -> str:
    """The token in `path`, created when there is no file; `key` is the setting that leads to it.

    Raises:
        ConfigError: the file cannot be used, with what to do about it.
    """
    try:
        return _read(path, key)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise unfit(key, path, f"cannot be read: {error.strerror}") from None
    try:
        _create(path)
        return _read(path, key)
    except OSError as error:
        raise unfit(key, path, f"cannot be created: {error.strerror}; name another with {key}") from None


def _read(path: str, key: str) -> str:
    if stat.S_ISLNK(os.lstat(path).st_mode):
        raise unfit(key, path, f"is a symbolic link: name the file itself with {key}, or remove the link")
    content = read_private(key, path, LONGEST_FILE)
    token = content.removesuffix(b"\n").removesuffix(b"\r")
    if len(content) > LONGEST_FILE or _TOKEN.fullmatch(token) is None:
        sentence = "holds no token (one line of at least 16 letters and digits): remove it, and a new one is created"
        raise unfit(key, path, sentence)
    return token.decode()


def _create(path: str) -> None:
    """Write the whole file under another name first, so that nobody ever reads half a token or an open one."""
    draft = f"{path}.{os.getpid()}.{secrets.token_hex(4)}"
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            os.fchmod(fd, 0o600)
            file.write(secrets.token_urlsafe(TOKEN_BYTES).encode() + b"\n")
            file.flush()
            os.fsync(fd)
        try:
            os.link(draft, path)
        except FileExistsError:
            return  # another server was faster: its token is the token
    finally:
        os.unlink(draft)
