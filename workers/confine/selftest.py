"""The attacks that a worker tries on itself after the last step: what counts is not what was asked, but what holds."""

import _signal  # type: ignore[import-not-found]  # the built-in half of `signal`, without its enumerations
import errno
import os
import stat
from collections.abc import Callable

from filewarden.workers.confine.layers import Check, Layers
from filewarden.workers.confine.steps import Plan
from filewarden.workers.confine.syscalls import syscall

_HIDDEN = (errno.EACCES, errno.ENOENT, errno.EPERM)
_REFUSED = (errno.EPERM,)
_NOT_WRITABLE = (errno.EACCES, errno.EROFS, errno.EPERM)
_NO_UNNAMED_FILES = (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL)

_AF_UNIX, _SOCK_STREAM = 1, 1
SERVED = ("root", "endpoints")
"""How the names in the root of an enclosed worker begin (namespaces.enclose)."""
_CLONE_SIGHAND = 0x800
_PROT_EXEC, _MAP_PRIVATE_ANONYMOUS, _PAGE = 4, 0x22, 4096


def run(plan: Plan, layers: Layers) -> list[Check]:
    """Every check in a fixed order, about 50 µs in all. None leaves a trace, whichever layers are missing."""
    root = plan.roots[0][0]
    checks = [
        _check("root_readable", (0,), lambda: _read_folder(root)),
        _check("outside_unreadable", _HIDDEN, lambda: _read_outside(is_enclosed=layers.namespaces.active)),
        _check("no_sockets", _REFUSED, _open_socket),
        _check("no_processes", _REFUSED, _clone),
        _check("no_signals", _REFUSED, lambda: os.kill(os.getppid(), 0)),
        _check("no_new_code", _REFUSED, _map_code),
    ]
    if layers.namespaces.active:
        checks.append(_check("outside_invisible", (errno.ENOENT,), lambda: _look_at("/etc")))
    folder = next((fd for fd, is_writable in plan.roots if not is_writable and _is_folder(fd)), None)
    if folder is not None:
        checks.append(_check("root_not_writable", _NOT_WRITABLE, lambda: _create(folder, _is_guarded(layers))))
    return checks


def _check(name: str, expected: tuple[int, ...], attempt: Callable[[], None]) -> Check:
    try:
        attempt()
    except OSError as error:
        return Check(name, error.errno in expected, error.errno or 0)
    return Check(name, 0 in expected, 0)


def _is_folder(fd: int) -> bool:
    return stat.S_ISDIR(os.fstat(fd).st_mode)


def _read_folder(root: int) -> None:
    os.close(os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=root))


def _read_outside(*, is_enclosed: bool) -> None:
    """In namespaces of its own a worker without Landlock may see the root: there must be nothing but what is served."""
    fd = os.open("/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if is_enclosed and all(name.startswith(SERVED) for name in os.listdir(fd)):
            raise OSError(errno.ENOENT, "nothing else is there")
    finally:
        os.close(fd)


def _look_at(path: str) -> None:
    os.stat(path)


def _open_socket() -> None:
    os.close(syscall("socket", _AF_UNIX, _SOCK_STREAM, 0))


def _clone() -> None:
    """With flags that the kernel itself finds invalid, so that without a filter no process comes of it."""
    syscall("clone", _CLONE_SIGHAND | _signal.SIGCHLD)


def _map_code() -> None:
    address = syscall("mmap", 0, _PAGE, _PROT_EXEC, _MAP_PRIVATE_ANONYMOUS, -1, 0)
    syscall("munmap", address, _PAGE)


def _is_guarded(layers: Layers) -> bool:
    """Whether a layer beside the account's rights is to keep this worker from writing."""
    return layers.landlock.active or layers.namespaces.active


def _create(root: int, is_guarded: bool) -> None:
    """Create a file without a name: if that is possible after all, nobody sees it and it vanishes with the close.

    Some filesystems have no such files. A named one is then tried only where a layer is to refuse it: the
    filter of a read-only worker would not let it remove what it made.
    """
    try:
        os.close(os.open(".", os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600, dir_fd=root))
    except OSError as error:
        if error.errno not in _NO_UNNAMED_FILES or not is_guarded:
            raise
        name = f".filewarden-{os.getpid()}.tmp"
        os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600, dir_fd=root))
