"""What a process gives up for good: its user, its capabilities, new privileges, its life beyond its parent (prctl(2)).

The order matters. The bounding set needs a capability that the change of user takes away. The change of user makes the
process undumpable or dumpable by rules of its own and clears the parent-death signal, so both come after it.
"""

import _signal  # type: ignore[import-not-found]  # the built-in half of `signal`, without its enumerations
import ctypes
import errno
import os
import struct

from filewarden.workers.confine.syscalls import syscall

_SET_PDEATHSIG, _SET_DUMPABLE, _SET_NAME, _CAPBSET_DROP, _SET_NO_NEW_PRIVS, _CAP_AMBIENT = 1, 4, 15, 24, 38, 47
_AMBIENT_CLEAR_ALL = 4
_CAPABILITY_VERSION_3 = 0x20080522
_CAPABILITIES = 64


def set_no_new_privs() -> None:
    """From now on no program that is executed gains rights; Landlock and seccomp ask for it."""
    syscall("prctl", _SET_NO_NEW_PRIVS, 1)


def drop_bounding_set() -> None:
    """Give up every capability that a later `execve` might return. Without CAP_SETPCAP there is nothing to give up."""
    for capability in range(_CAPABILITIES):
        try:
            syscall("prctl", _CAPBSET_DROP, capability)
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.EPERM):  # above the kernel's last one; not ours to drop
                return
            raise


def drop_user(uid: int, gid: int) -> None:
    """Become `uid` and `gid` without supplementary groups; started unprivileged, only check that it is so already.

    Raises OSError: not permitted, or the change did not take.
    """
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    if os.getresuid() != (uid,) * 3 or os.getresgid() != (gid,) * 3:
        raise OSError(errno.EPERM, f"still user {os.geteuid()}, group {os.getegid()}")


def drop_capabilities() -> None:
    """Empty the ambient, effective, permitted and inheritable sets of the calling thread."""
    syscall("prctl", _CAP_AMBIENT, _AMBIENT_CLEAR_ALL)
    header = ctypes.create_string_buffer(struct.pack("=Ii", _CAPABILITY_VERSION_3, 0), 8)
    sets = ctypes.create_string_buffer(bytes(24), 24)
    syscall("capset", ctypes.addressof(header), ctypes.addressof(sets))


def set_dumpable() -> None:
    """Own the files under /proc/self again: a change of user gives them to root until the next fork decides anew."""
    syscall("prctl", _SET_DUMPABLE, 1)


def set_not_dumpable() -> None:
    """No core dump, no ptrace and no look into /proc/PID/mem by another process of the same user."""
    syscall("prctl", _SET_DUMPABLE, 0)


def die_with_parent(expected_parent_pid: int) -> None:
    """Be killed when the thread that forked this process ends; call it after any change of user.

    Raises OSError: ESRCH when the parent has gone already and the signal would never come.
    """
    syscall("prctl", _SET_PDEATHSIG, _signal.SIGKILL)
    if os.getppid() != expected_parent_pid:
        raise OSError(errno.ESRCH, "the parent process has ended")


def set_process_name(name: str) -> None:
    """Name the calling thread for `ps`; the kernel keeps 15 bytes."""
    text = ctypes.create_string_buffer(os.fsencode(name)[:15], 16)
    syscall("prctl", _SET_NAME, ctypes.addressof(text))
