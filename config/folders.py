"""Where things live: state, sockets, the configuration file, and the home folder they hang from."""

import contextlib
import os
import stat
from collections.abc import Mapping

from filewarden.config.errors import ConfigError, Problem

FOLDER_NAME = "filewarden"
_LINK = "is a symbolic link: remove it, or make it a folder"


def home_folder(environ: Mapping[str, str]) -> str | None:
    """Use `$HOME` when it is absolute, else the home of the user we run as, else None."""
    home = environ.get("HOME", "")
    if os.path.isabs(home):
        return home
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return None


def config_file(environ: Mapping[str, str], home: str | None = None) -> str | None:
    """Name the file that is read when none is given, whether or not it exists; None without a home folder.

    Never in the working folder: a project must not configure the server that serves it.
    """
    folder = _base_folder(environ, "XDG_CONFIG_HOME", ".config", home)
    return None if folder is None else os.path.join(folder, FOLDER_NAME, "config.toml")


def state_folder(environ: Mapping[str, str], home: str | None = None) -> str:
    """Where the token and other state live (XDG Base Directory Specification). ConfigError without a home folder."""
    folder = _base_folder(environ, "XDG_STATE_HOME", ".local/state", home)
    if folder is None:
        sentence = "this user has no home folder: set HOME or XDG_STATE_HOME to an absolute path"
        raise ConfigError([Problem("state folder", "", sentence)])
    return os.path.join(folder, FOLDER_NAME)


def runtime_folder(
    environ: Mapping[str, str], uid: int, *, home: str | None = None, run_user: str = "/run/user"
) -> str:
    """Where sockets live: below `/run/user/UID` when that is the user's own, else `run` in the state folder.

    `$XDG_RUNTIME_DIR` is not asked: clients start us with a bare environment, and server and CLI have to agree.
    """
    own = os.path.join(run_user, str(uid))
    try:
        found = os.lstat(own)
    except OSError:
        return os.path.join(state_folder(environ, home), "run")
    if stat.S_ISDIR(found.st_mode) and found.st_uid == uid:
        return os.path.join(own, FOLDER_NAME)
    return os.path.join(state_folder(environ, home), "run")


def ensure_private_folder(path: str) -> None:
    """Make sure that `path` is a folder of our own with mode 0700; ConfigError when it cannot be."""
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            if stat.S_ISLNK(os.lstat(path).st_mode):
                raise _unfit(path, _LINK) from None
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise _unfit(path, f"cannot be used as a private folder: {error.strerror}") from None
    try:
        found = os.fstat(fd)
        if found.st_uid != os.geteuid():
            raise _unfit(path, _foreign(found.st_uid))
        if stat.S_IMODE(found.st_mode) != 0o700:
            os.fchmod(fd, 0o700)
    finally:
        os.close(fd)


def why_not_private(path: str) -> str:
    """Why `ensure_private_folder` would refuse it, or "" where it would not; nothing is made or changed."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        above = os.path.dirname(path)
        while not os.path.lexists(above):
            above = os.path.dirname(above)
        can_be_made = os.path.isdir(above) and os.access(above, os.W_OK | os.X_OK)
        return "" if can_be_made else f"cannot be used as a private folder: nothing can be made in {above}"
    except OSError as error:
        return f"cannot be used as a private folder: {error.strerror}"
    if stat.S_ISLNK(found.st_mode):
        return _LINK
    if not stat.S_ISDIR(found.st_mode):
        return "cannot be used as a private folder: it is none"
    return "" if found.st_uid == os.geteuid() else _foreign(found.st_uid)


def give_private_folder(path: str, uid: int, gid: int) -> None:
    """As root, make sure that `path`, in a folder of our own, is a folder with mode 0700 of another account.

    Raises ConfigError when it cannot be.
    """
    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, 0o700)
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fchown(fd, uid, gid)
            os.fchmod(fd, 0o700)
        finally:
            os.close(fd)
    except OSError as error:
        raise _unfit(path, f"cannot be used as a private folder: {error.strerror}") from None


def working_folder() -> str:
    """Where relative paths start; "" when that folder was deleted, so that they are found not to exist."""
    try:
        return os.getcwd()
    except OSError:
        return ""


def located(path: str, base: str, home: str | None) -> str:
    """Make a path from a file or variable absolute: `~` is the home folder, relative ones start at `base`."""
    if home is not None and (path == "~" or path.startswith("~/")):
        path = home + path[1:]
    elif path.startswith("~"):
        path = os.path.expanduser(path)
    return os.path.join(base, path) if path else ""


def _base_folder(environ: Mapping[str, str], variable: str, below_home: str, home: str | None) -> str | None:
    named = environ.get(variable, "")
    if os.path.isabs(named):  # the specification has relative ones ignored
        return named
    home = home or home_folder(environ)
    return None if home is None else os.path.join(home, below_home)


def _foreign(uid: int) -> str:
    return f"belongs to user {uid}, not to us: remove it, or change its owner"


def _unfit(path: str, sentence: str) -> ConfigError:
    return ConfigError([Problem(path, "", sentence)])
