"""What this kernel lets us do, tried out: each feature in a child of its own, by the whole sequence that will be used.

Asking is not enough: some systems allow a new user namespace and then strip its rights, containers answer EPERM or
ENOSYS as they like.
"""

import errno
import os
import signal
import struct
import threading
from collections.abc import Callable
from ctypes import addressof, create_string_buffer

import msgspec

from filewarden.workers.confine import landlock, privileges, seccomp
from filewarden.workers.confine.syscalls import syscall

_NEWNS, _NEWUTS, _NEWIPC, _NEWUSER, _NEWPID, _NEWNET = (1 << bit for bit in (17, 26, 27, 28, 29, 30))
_MS_REC, _MS_PRIVATE = 1 << 14, 1 << 18
_RESOLVE_BENEATH = 8
_NOT_HELD = 255


class Kernel(msgspec.Struct, frozen=True, kw_only=True):
    """The features of this kernel that work for this user; `why_not` has an errno for each that does not."""

    landlock_abi: int
    seccomp: bool
    openat2: bool
    pidfd: bool
    user_namespaces: bool
    why_not: dict[str, int]
    """255: the call succeeded and did not bind."""


def probe() -> Kernel:
    """Try every feature, about 5 ms in all. Call it early: it forks, which is safe with a single thread only.

    Raises RuntimeError: there are other threads.
    """
    if threading.active_count() > 1:
        raise RuntimeError("probe() forks and must run before any thread is started")
    outcomes = {name: _in_a_child(attempt) for name, attempt in ATTEMPTS.items()}
    return Kernel(
        landlock_abi=landlock.abi() if outcomes["landlock"] == 0 else 0,
        seccomp=outcomes["seccomp"] == 0,
        openat2=outcomes["openat2"] == 0,
        pidfd=outcomes["pidfd"] == 0,
        user_namespaces=outcomes["user_namespaces"] == 0,
        why_not={name: code for name, code in outcomes.items() if code},
    )


def _in_a_child(attempt: Callable[[], bool]) -> int:
    """0, an errno, 255 when the attempt found the feature without effect, or 128 and the signal that ended it."""
    if not hasattr(os, "fork"):
        return errno.ENOSYS
    pid = os.fork()
    if pid == 0:
        code = _NOT_HELD
        try:
            code = 0 if attempt() else _NOT_HELD
        except OSError as error:
            code = error.errno or _NOT_HELD
        finally:
            os._exit(code)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return status if status >= 0 else 128 - status


def _try_landlock() -> bool:
    privileges.set_no_new_privs()
    landlock.restrict([])
    return _is_refused(lambda: os.close(os.open("/", os.O_RDONLY)), errno.EACCES)


def _try_seccomp() -> bool:
    privileges.set_no_new_privs()
    seccomp.install(seccomp.program("ro").bind(os.getpid()))
    return _is_refused(lambda: os.close(syscall("socket", 1, 1, 0)), errno.EPERM)


def _try_openat2() -> bool:
    how = create_string_buffer(struct.pack("=QQQ", os.O_PATH | os.O_CLOEXEC, 0, _RESOLVE_BENEATH), 24)
    here, above = create_string_buffer(b"."), create_string_buffer(b"..")
    folder = os.open("/", os.O_PATH | os.O_DIRECTORY)
    os.close(syscall("openat2", folder, addressof(here), addressof(how), 24))
    return _is_refused(lambda: os.close(syscall("openat2", folder, addressof(above), addressof(how), 24)), errno.EXDEV)


def _try_pidfd() -> bool:
    signal.pidfd_send_signal(os.pidfd_open(os.getpid()), 0)
    return True


def _try_user_namespaces() -> bool:
    uid, gid = os.geteuid(), os.getegid()
    syscall("unshare", _NEWUSER | _NEWPID | _NEWNS | _NEWNET | _NEWIPC | _NEWUTS)
    for name, text in (("setgroups", "deny"), ("gid_map", f"{gid} {gid} 1"), ("uid_map", f"{uid} {uid} 1")):
        with open(f"/proc/self/{name}", "w") as mapping:
            mapping.write(text)
    root, tmpfs = create_string_buffer(b"/"), create_string_buffer(b"tmpfs")
    syscall("mount", 0, addressof(root), 0, _MS_REC | _MS_PRIVATE)
    syscall("mount", addressof(tmpfs), addressof(root), addressof(tmpfs))
    return True


def _is_refused(attempt: Callable[[], None], expected: int) -> bool:
    try:
        attempt()
    except OSError as error:
        return error.errno == expected
    return False


ATTEMPTS: dict[str, Callable[[], bool]] = {
    "landlock": _try_landlock,
    "seccomp": _try_seccomp,
    "openat2": _try_openat2,
    "pidfd": _try_pidfd,
    "user_namespaces": _try_user_namespaces,
}
