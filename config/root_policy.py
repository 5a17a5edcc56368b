"""Which folders may be served: what is refused, and what is allowed with a warning."""

import errno
import os
import stat
from collections.abc import Mapping, Sequence

import msgspec

from filewarden.config.folders import working_folder
from filewarden.config.mounts import kernel_devices

USER_TABLE = "/etc/passwd"
SYSTEM_FOLDERS = ("/proc", "/sys", "/dev")
FIRST_PERSON_UID = 1000
NOBODY_UID = 65534
OWN_CODE = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))

REASONS = {
    errno.ENOENT: "does not exist",
    errno.ENOTDIR: "does not exist: a part of it is no folder",
    errno.EACCES: "cannot be reached: permission denied for the user that the server runs as",
    errno.ELOOP: "is a symbolic link that leads back to itself",
}


class Folder(msgspec.Struct, frozen=True):
    """A folder that may be served: its path without links, and its device and inode."""

    path: str
    identity: tuple[int, int]
    spelling: str = ""
    """The path as it was given, made absolute, links and all: clients may write it so too. Empty: they may not."""


def accepted_folder(path: str) -> Folder:
    """Resolve a root and hold it against the policy. ValueError carries the sentence that says why it is refused."""
    real, found = _resolved(path)
    if not stat.S_ISDIR(found.st_mode):
        raise ValueError("is not a folder")
    identity = (found.st_dev, found.st_ino)
    top = os.stat("/")
    if identity == (top.st_dev, top.st_ino):
        raise ValueError("is the whole file system: name the folder that is meant to be served")
    for system in SYSTEM_FOLDERS:
        if lies_in(real, system):
            raise ValueError(f"lies in {system}, which is an interface of the kernel and cannot be served")
    kernel_type = kernel_devices().get(found.st_dev)
    if kernel_type is not None:
        raise ValueError(f"lies on a {kernel_type} file system, which is an interface of the kernel")
    if not os.access(real, os.R_OK | os.X_OK):
        raise ValueError("cannot be read: permission denied for the user that the server runs as")
    return Folder(real, identity, _spelling(path))


def doubts(folder: Folder, homes: Sequence[str], ours: Mapping[str, str]) -> list[str]:
    """Say what a person should know about an accepted root. `ours` names our own files and folders by path."""
    found = []
    holds = [home for home in homes if lies_in(home, folder.path)]
    if folder.path in holds:
        found.append("is a home folder: keys, passwords and settings in it can be read; name a project instead")
    elif holds:
        found.append(f"holds the home folder {holds[0]}: name a project instead")
    if lies_in(OWN_CODE, folder.path) or lies_in(folder.path, OWN_CODE):
        found.append(f"holds the code of this server ({OWN_CODE}), or lies in it")
    held = [f"{what} ({path})" for path, what in ours.items() if lies_in(path, folder.path)]
    if held:
        found.append(f"holds {', '.join(held)}; no tool will show it")
    return found


def home_folders(own: str | None, user_table: str = USER_TABLE) -> tuple[str, ...]:
    """List the home folders of root, of the people in the local user table, and our own; without links.

    The file is read directly: asking the name service can take seconds where users come from a network.
    """
    homes = [] if own is None else [own]
    try:
        with open(user_table, encoding="utf-8", errors="surrogateescape") as table:
            homes += [home for uid, home in map(_person, table) if _is_person(uid)]
    except OSError:
        homes.append("/root")
    unique = dict.fromkeys(os.path.realpath(home) for home in homes if os.path.isabs(home))
    return tuple(home for home in unique if home != "/")


def lies_in(path: str, folder: str) -> bool:
    """Whether `path` is `folder` or lies beneath it; both are absolute and without links."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _spelling(path: str) -> str:
    """Make a root's path absolute as it is written; "" when clients cannot write it so: `..` in it, or not UTF-8."""
    spelling = os.path.join(working_folder(), path)
    is_text = not any("\ud800" <= character <= "\udfff" for character in spelling)
    return spelling if is_text and ".." not in spelling.split("/") else ""


def _resolved(path: str) -> tuple[str, os.stat_result]:
    if not path:
        raise ValueError("is empty: name a folder")
    if "\0" in path:
        raise ValueError("must not contain a NUL character")
    try:
        real = os.path.realpath(path, strict=True)
        real.encode()
        return real, os.stat(real)
    except UnicodeEncodeError:
        raise ValueError("has a name that is not UTF-8, which a root must have: rename it") from None
    except OSError as error:
        hint = ""
        if error.errno == errno.ENOENT and path.startswith("~"):
            hint = ' ("~" is replaced by the shell only: write the path in full)'
        number = error.errno or errno.EIO
        raise ValueError(REASONS.get(number, f"cannot be used: {os.strerror(number)}") + hint) from None


def _person(line: str) -> tuple[int, str]:
    fields = line.rstrip("\n").split(":")
    if len(fields) != 7 or not fields[2].isdecimal():
        return NOBODY_UID, ""
    return int(fields[2]), fields[5]


def _is_person(uid: int) -> bool:
    return uid == 0 or (uid >= FIRST_PERSON_UID and uid != NOBODY_UID)
