"""Where the workers of one zygote live: its roots, its endpoints, its account, and the namespaces around them.

The order matters when the server was started as root: mounts and root handles need root's rights, because a root may
lie below a private folder; then the account changes; only then comes the user namespace, which maps the new account
alone.
"""

import os

import msgspec

from filewarden.workers.confine.namespaces import (
    ENDPOINTS,
    FIX,
    MOUNT_FIX,
    Isolation,
    Mount,
    StrandedError,
    enclose,
    own_user_namespace,
)
from filewarden.workers.confine.privileges import drop_bounding_set, drop_capabilities, drop_user, set_dumpable
from filewarden.workers.paths.root import Root, open_root
from filewarden.workers.profile import Profile


class UnfitError(Exception):
    """No worker can live here, in whatever sandbox mode; the sentence says what is missing and what to do."""


class Place(msgspec.Struct, frozen=True):
    """What every worker of a zygote starts from. `why_open` is a sentence when it is not enclosed, or not wholly."""

    roots: tuple[Root, ...]
    endpoints: str
    """The folder of endpoints as seen from here."""
    is_enclosed: bool
    why_open: str
    history: int | None = None
    """A descriptor of the folder where the states before changes are kept: no root, so no path leads there."""


def settle(profile: Profile, isolation: Isolation) -> Place:
    """Open the roots, enclose this process, change its account, and drop every capability.

    Raises:
        OSError: a root is not there any more, or the account cannot be changed.
        ToolFailure: a deny rule is no glob.
        UnfitError: this system lacks what every worker needs.
    """
    _require_handles()
    roots = tuple(
        open_root(
            root.name,
            root.path,
            writable=root.writable,
            deny=root.deny,
            refuses_hard_links=root.links == "refuse",
            one_filesystem=root.one_filesystem,
            own_paths=profile.own_paths,
            spelling=root.spelling,
        )
        for root in profile.roots
    )
    place = Place(roots, profile.endpoints, False, isolation.why, _open_history(profile))
    proc = os.open("/proc/self", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if isolation.is_active:
            place = _enclosed(place, profile)
        if profile.sandbox != "off":
            drop_bounding_set()  # needs a right that the change of account takes away
            if profile.uid is not None and profile.gid is not None:
                drop_user(profile.uid, profile.gid)
                set_dumpable()
            if place.is_enclosed and isolation.needs_user_namespace:
                place = _in_user_namespace(place, proc)
                drop_bounding_set()  # a new namespace begins with all of it
            drop_capabilities()
    finally:
        os.close(proc)
    return place


def _require_handles() -> None:
    """Workers are killed through handles on their processes: a number may by then belong to a stranger."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError as error:
        sentence = (
            f"This system gives no handles on processes (pidfd_open: {error.strerror}). To fix it, run Linux 5.3 "
        )
        raise UnfitError(sentence + "or newer, or let the container allow pidfd_open.") from None


def _open_history(profile: Profile) -> int | None:
    return None if profile.history is None else _open_folder(profile.history.path)


def _open_folder(path: str) -> int:
    return os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


def _enclosed(place: Place, profile: Profile) -> Place:
    """Read-only mounts of the roots, but for writable ones where the pool may write: a kernel's refusal, not ours.

    The history is a mount of its own beside them, so that nothing can be renamed or linked from one to the other.
    """
    mounts = [Mount(root.path, writable=profile.role == "rw" and root.writable) for root in place.roots]
    if profile.history is not None:
        mounts.append(Mount(profile.history.path, writable=True))
    try:
        paths = enclose(mounts, place.endpoints)
    except OSError as error:
        return msgspec.structs.replace(place, why_open=f"mounts: {error.strerror}: {MOUNT_FIX}")
    except StrandedError as error:
        raise UnfitError(str(error)) from None
    history = None
    if place.history is not None:
        os.close(place.history)
        history = _open_folder(paths[-1])
    roots = tuple(map(_moved, place.roots, paths))
    return Place(roots, ENDPOINTS, True, "", history)


def _moved(root: Root, path: str) -> Root:
    """The same root, reached through its mount in here, without devices or programs."""
    fd = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    os.close(root.fd)
    return msgspec.structs.replace(root, fd=fd)


def _in_user_namespace(place: Place, proc: int) -> Place:
    try:
        own_user_namespace(proc)
    except OSError as error:
        return msgspec.structs.replace(place, why_open=f"no user namespace: {error.strerror}: {FIX}")
    return place
