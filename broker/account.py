"""The account that a server started as root becomes, and whether that account can read, and write to, the roots."""

import contextlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence

import msgspec

from filewarden.config.errors import ConfigError, Problem
from filewarden.config.profiles import all_roots
from filewarden.config.settings import Settings

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


def account_for(settings: Settings) -> Account | None:
    """The account that workers of these settings will be; None where they stay who we are.

    Raises:
        ConfigError: there is no such user.
    """
    return (
        None if settings.sandbox.mode == "off" else choose_account(settings.sandbox.user, all_roots(settings)[0].path)
    )


def check_rights(account: Account | None, settings: Settings) -> list[str]:
    """Warnings of roots that are rw, though another account than ours may not write to them.

    Raises:
        ConfigError: it cannot read a root.
    """
    if account is None:
        return []
    roots = all_roots(settings)
    check_readable(account, [root.path for root in roots])
    return _doubts_about_writing(account, [root.path for root in roots if root.mode == "rw"])


def check_readable(account: Account, roots: Sequence[str]) -> None:
    """Ask the kernel whether `account` can list each root once a handle on it is open.

    Raises:
        ConfigError: naming each root that it cannot, and what to do.
    """
    if failing := _failing(account, roots, _can_list):
        raise ConfigError([_unreadable(root, mode, account) for root, mode in failing])


def _doubts_about_writing(account: Account, roots: Sequence[str]) -> list[str]:
    """A warning for each of these roots, which clients may write to, in whose folder `account` may not."""
    return [
        f"{root} ({mode}) is rw, but user {account.uid}, which the workers become because the server was started as "
        "root, may not write to it: start it as the folder's owner, or set sandbox.user"
        for root, mode in _failing(account, roots, _can_write)
    ]


def _failing(account: Account, roots: Sequence[str], can: Callable[[int], bool]) -> list[tuple[str, str]]:
    """The roots, each with its mode for people, for whose handle `can` is not true in the hands of `account`."""
    handles = [os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC) for root in roots]
    try:
        with acting_as(account):
            failing = [(root, handle) for root, handle in zip(roots, handles, strict=True) if not can(handle)]
        return [(root, stat.filemode(os.fstat(handle).st_mode)) for root, handle in failing]
    finally:
        for handle in handles:
            os.close(handle)


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


def _can_write(handle: int) -> bool:
    return os.access(".", os.W_OK | os.X_OK, dir_fd=handle, effective_ids=True)


def _unreadable(root: str, mode: str, account: Account) -> Problem:
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
