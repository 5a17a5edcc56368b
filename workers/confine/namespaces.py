"""A world of its own for a zygote: namespaces, and a root that holds nothing but what is served (namespaces(7)).

Two steps with a fork between them, because a process id namespace takes in only children:

    isolate()   in the outer process, before the fork: leave the host's processes, network, mounts, IPC and host name.
                Unprivileged this needs a user namespace, which comes first; root does without until it has changed its
                account, because what lies below private folders must be mounted with root's rights.
    enclose()   in the child: mount a tiny file system with the roots and the folder of endpoints, make it the root,
                and let go of everything else. This layer hides what Landlock does not: names, sizes and times outside.

Both report by OSError and leave the process as it was when they fail: a system may allow the namespaces and forbid the
mounts in them, at any of the steps.
"""

import ctypes
import errno
import os

from filewarden.workers.confine.syscalls import syscall

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself is not imported here
    from collections.abc import Sequence

_NEWNS, _NEWUTS, _NEWIPC, _NEWUSER, _NEWPID, _NEWNET = (
    0x20000,
    0x4000000,
    0x8000000,
    0x10000000,
    0x20000000,
    0x40000000,
)
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REMOUNT, _MS_BIND = 1, 2, 4, 8, 32, 4096
_MS_REC, _MS_PRIVATE = 0x4000, 0x40000
_MNT_DETACH = 2
_AT_FDCWD, _AT_EMPTY_PATH, _AT_RECURSIVE = -100, 0x1000, 0x8000
_OPEN_TREE_CLONE, _OPEN_TREE_CLOEXEC = 1, os.O_CLOEXEC
_MOVE_MOUNT_F_EMPTY_PATH = 4
_ATTR_RDONLY, _ATTR_NOSUID, _ATTR_NODEV, _ATTR_NOEXEC = 1, 2, 4, 8

ENDPOINTS = "/endpoints"
FIX = "allow user namespaces (user.max_user_namespaces, or the container's profile)"
MOUNT_FIX = (
    "allow mounts in user namespaces (kernel.apparmor_restrict_unprivileged_userns=0, or the container's profile)"
)
STAGING = ("/tmp", "/run", "/mnt", "/")  # noqa: S108 - covered by a mount that only this process sees
SPARE_INODES = 8


class Mount:
    """A folder of the host, and whether it may be written through."""

    def __init__(self, path: str, writable: bool) -> None:
        self.path = path
        self.writable = writable


class Isolation:
    """What `isolate` reached. `why` is a sentence when it is not active."""

    def __init__(self, is_active: bool, needs_user_namespace: bool = False, why: str = "") -> None:
        self.is_active = is_active
        self.needs_user_namespace = needs_user_namespace
        """The process was root's: `own_user_namespace` follows the change of account."""
        self.why = why


def isolate() -> Isolation:
    """Leave the host's namespaces, if the kernel and a container's rules allow it; children complete the step."""
    try:
        return Isolation(is_active=True, needs_user_namespace=_unshare())
    except OSError as error:
        return Isolation(is_active=False, why=f"{error.strerror}: {FIX}")


def _unshare() -> bool:
    flags = _NEWNS | _NEWUTS | _NEWIPC | _NEWPID | _NEWNET
    if os.geteuid() == 0:
        syscall("unshare", flags)
        return True
    uid, gid = os.geteuid(), os.getegid()
    proc = os.open("/proc/self", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        syscall("unshare", flags | _NEWUSER)
        _map_account(proc, uid, gid)
    finally:
        os.close(proc)
    return False


def own_user_namespace(proc: int) -> None:
    """Enter a user namespace as the present user alone. `proc` is a handle on /proc/self from before `enclose`.

    The process must own that folder: a change of user makes it root's until it is dumpable again.

    Raises OSError: not allowed here.
    """
    uid, gid = os.geteuid(), os.getegid()
    syscall("unshare", _NEWUSER)
    _map_account(proc, uid, gid)


def enclose(roots: "Sequence[Mount]", endpoints: str) -> list[str]:
    """Make a file system of the roots and the folder of endpoints the only one; the roots' new paths, in order.

    The folder of endpoints appears at `ENDPOINTS`. Nothing can be executed there, devices are dead, and what is not
    writable is mounted read-only.

    Raises:
        OSError: a mount is not allowed; the process sees what it saw before.
        StrandedError: and there was no way back.
    """
    way_back = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    folder = working_folder()
    try:
        syscall("unshare", _NEWNS)
        try:
            return _rebuild(roots, endpoints)
        except OSError as error:
            _return(way_back, folder, error)
            raise
    finally:
        os.close(folder)
        os.close(way_back)


def working_folder() -> int:
    """Where to come back to, by no path: it may have been deleted, or lie in a mount that others cannot see.

    The top where it is closed to this account, as a home is that somebody has started a server for another one from.
    """
    flags = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
    try:
        return os.open(".", flags)
    except OSError:
        return os.open("/", flags)


class StrandedError(Exception):
    """The mounts failed half-way and could not be left again: the process must not serve."""


def _return(way_back: int, folder: int, cause: OSError) -> None:
    try:
        syscall("setns", way_back, _NEWNS)
        os.fchdir(folder)
    except OSError:
        sentence = f"The sandbox could not finish its mounts ({cause.strerror}) nor undo them. To fix it, {MOUNT_FIX}."
        raise StrandedError(sentence) from cause


def _rebuild(roots: "Sequence[Mount]", endpoints: str) -> list[str]:
    syscall("mount", 0, _text("/"), 0, _MS_REC | _MS_PRIVATE, 0)
    trees = [_clone(mount.path) for mount in roots]
    endpoint_tree = _clone(endpoints)
    staging = next(folder for folder in STAGING if os.path.isdir(folder))
    options = f"size=16k,nr_inodes={len(roots) + SPARE_INODES},mode=0755"
    fs = _text("tmpfs")
    syscall("mount", fs, _text(staging), fs, _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, _text(options))
    places = [f"/root{number}" for number in range(len(roots))]
    for place, tree, mount in zip(places, trees, roots, strict=True):
        _place(tree, staging + place, writable=mount.writable)
    _place(endpoint_tree, staging + ENDPOINTS, writable=False)
    _turn_to(staging)
    return places


def _clone(path: str) -> int:
    """A detached copy of the mounts at `path`, which later mounts cannot cover (open_tree(2))."""
    return syscall("open_tree", _AT_FDCWD, _text(path), _OPEN_TREE_CLONE | _OPEN_TREE_CLOEXEC | _AT_RECURSIVE)


def _place(tree: int, path: str, *, writable: bool) -> None:
    is_set = _set_attributes(tree, writable=writable)
    os.mkdir(path, 0o755)
    syscall("move_mount", tree, _text(""), _AT_FDCWD, _text(path), _MOVE_MOUNT_F_EMPTY_PATH)
    os.close(tree)
    if not is_set:
        _remount(path, writable=writable)


def _set_attributes(tree: int, *, writable: bool) -> bool:
    """All mounts of a tree in one call; False where there is no such call (before Linux 5.12) or not for us."""
    attributes = _ATTR_NOSUID | _ATTR_NODEV | _ATTR_NOEXEC | (0 if writable else _ATTR_RDONLY)
    attr = (ctypes.c_uint64 * 4)(attributes, 0, 0, 0)
    flags = _AT_EMPTY_PATH | _AT_RECURSIVE
    try:
        syscall("mount_setattr", tree, _text(""), flags, ctypes.addressof(attr), ctypes.sizeof(attr))
    except OSError as error:
        if error.errno in (errno.ENOSYS, errno.EPERM):
            return False
        raise
    return True


def _remount(path: str, *, writable: bool) -> None:
    """The same one by one: the mount at `path` and those beneath it (proc_pid_mountinfo(5)), the outer ones first."""
    with open("/proc/self/mountinfo", "rb") as mounts:
        fields = [line.split(b" ", 6) for line in mounts]
    beneath = os.fsencode(path) + b"/"
    for _id, _parent, _device, _root, place, options, _rest in fields:
        if place == beneath[:-1] or place.startswith(beneath):
            is_writable = writable and b"ro" not in options.split(b",")
            flags = _MS_REMOUNT | _MS_BIND | _MS_NOSUID | _MS_NODEV | _MS_NOEXEC | (0 if is_writable else _MS_RDONLY)
            syscall("mount", 0, _text(os.fsdecode(_unescaped(place))), 0, flags, 0)


def _unescaped(place: bytes) -> bytes:
    """Undo the octal escapes of blanks and backslashes."""
    head, *rest = place.split(b"\\")
    return head + b"".join(bytes([int(part[:3], 8)]) + part[3:] for part in rest)


def _turn_to(staging: str) -> None:
    """Swap the root for `staging` and drop the old one (pivot_root(2))."""
    old = f"{staging}/old"
    os.mkdir(old, 0o700)
    syscall("pivot_root", _text(staging), _text(old))
    os.chdir("/")
    syscall("umount2", _text("/old"), _MNT_DETACH)
    os.rmdir("/old")
    flags = _MS_REMOUNT | _MS_BIND | _MS_RDONLY | _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
    syscall("mount", 0, _text("/"), 0, flags, 0)


def _map_account(proc: int, uid: int, gid: int) -> None:
    """Let this user and group exist in the namespace as themselves (user_namespaces(7): setgroups before gid_map)."""
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        fd = os.open(name, os.O_WRONLY | os.O_CLOEXEC, dir_fd=proc)
        try:
            os.write(fd, text.encode())
        finally:
            os.close(fd)


_kept: dict[str, ctypes.Array[ctypes.c_char]] = {}
"""Texts that the kernel is given by address; kept alive, few and short."""


def _text(text: str) -> int:
    kept = _kept.setdefault(text, ctypes.create_string_buffer(os.fsencode(text)))
    return ctypes.addressof(kept)
