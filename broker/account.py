"""The account that a server started as root becomes, and whether that account can read the roots."""

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence

import msgspec

from filewarden.config.errors import ConfigError, Problem

NOBODY_NAMES = ("nobody",)
NOBODY_ID = 65534


class Account(msgspec.Struct, frozen=True):
    """A user and a group, by number."""

    uid: int
    gid: int


def choose_account(user: str, first_root: str) -> Account | None:
    """The account for workers and front-end, or None when we are no root and stay who we are.

    `user` is a name or a number; when empty, it is the owner of the first root, or a nobody-like user where that
    owner is root.

    Raises:
        ConfigError: there is no such user.
    """
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return None
    if user:
        return _named(user)
    found = os.stat(first_root)
    if found.st_uid != 0:
        return Account(found.st_uid, _group_of(found.st_uid, found.st_gid))
    return _nobody()


def check_readable(account: Account, roots: Sequence[str]) -> None:
    """Ask the kernel whether `account` can list each root once a handle on it is open.

    Raises:
        ConfigError: naming each root that it cannot, and what to do.
    """
    handles = [os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC) for root in roots]
    try:
        with acting_as(account):
            problems = [
                _unreadable(root, handle, account)
                for root, handle in zip(roots, handles, strict=True)
                if not _can_list(handle)
            ]
    finally:
        for handle in handles:
            os.close(handle)
    if problems:
        raise ConfigError(problems)


def can_enter(account: Account, folder: str) -> bool:
    """Ask the kernel whether `account` can reach what lies in a folder by its path."""
    with acting_as(account):
        try:
            os.stat(os.path.join(folder, "."))
        except OSError:
            return False
    return True


@contextlib.contextmanager
def acting_as(account: Account) -> Iterator[None]:
    """Have the rights of `account` for a moment: root can take its own back."""
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(account.gid)
    os.seteuid(account.uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


def become(account: Account) -> None:
    """Give up root for good, in every thread."""
    os.setgroups([])
    os.setresgid(account.gid, account.gid, account.gid)
    os.setresuid(account.uid, account.uid, account.uid)


def _can_list(handle: int) -> bool:
    try:
        os.close(os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=handle))
    except PermissionError:
        return False
    return True


def _unreadable(root: str, handle: int, account: Account) -> Problem:
    mode = stat.filemode(os.fstat(handle).st_mode)
    return Problem(
        "roots",
        "",
        f"{root} ({mode}) cannot be read by user {account.uid}, which the workers become because the server was "
        "started as root: start it as the folder's owner, set sandbox.user, or allow others to read it (chmod o+rx)",
    )


def _named(user: str) -> Account:
    import pwd

    try:
        entry = pwd.getpwuid(int(user)) if user.isdecimal() else pwd.getpwnam(user)
    except (KeyError, OverflowError):
        raise ConfigError([Problem("sandbox.user", "", f"there is no user {user!r} on this system")]) from None
    return Account(entry.pw_uid, entry.pw_gid)


def _group_of(uid: int, otherwise: int) -> int:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_gid
    except KeyError:
        return otherwise


def _nobody() -> Account:
    import pwd

    for name in NOBODY_NAMES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    return Account(NOBODY_ID, NOBODY_ID)
