"""seccomp: the list of system calls a worker may make, assembled for the kernel's packet filter (seccomp(2), bpf).

The order of the program is the argument for it. A foreign architecture or numbering dies first, for its numbers mean
other calls. Then come the allowed calls, the calls allowed with some arguments only, the calls that no honest worker
makes (the process dies and the broker sees SIGSYS), the calls whose libc falls back to an older one when told ENOSYS,
and at last EPERM for everything else. Pointers cannot be followed: paths belong to Landlock.

The link is read and written like a file, so that no call is left that is made for sockets: sendmsg would let a worker
hand the broker descriptors (unix(7), SCM_RIGHTS), and whoever drops the last one of a file closes it, and may have to
wait for its file system; what is out of band (MSG_OOB) has been a way into the kernel (CVE-2025-38236).
"""

import ctypes
import errno
import functools
import struct
from collections.abc import Sequence
from typing import Literal

import msgspec

from filewarden.workers.confine.syscalls import ABSENT, NEWEST, Machine, native, syscall

Profile = Literal["ro", "rw", "watch"]

ALLOW = 0x7FFF0000
KILL_PROCESS = 0x80000000
ERRNO = 0x00050000

_READING = (
    "read write close fstat newfstatat statx lseek pread64 readv openat openat2 getdents64 readlinkat fstatfs "
    "faccessat faccessat2 brk munmap mremap madvise futex poll ppoll writev getpid gettid getppid "
    "getuid geteuid getgid getegid sched_yield sched_getaffinity clock_gettime clock_getres clock_nanosleep "
    "gettimeofday getrandom getrusage rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack restart_syscall rseq "
    "membarrier exit exit_group"
)
_WRITING = (
    "pwrite64 fsync fdatasync sync_file_range ftruncate mkdirat unlinkat renameat renameat2 linkat "
    "symlinkat fallocate copy_file_range umask flock fgetxattr flistxattr fsetxattr"
)
_WATCHING = (
    "inotify_init1 inotify_add_watch inotify_rm_watch epoll_create1 epoll_ctl epoll_wait epoll_pwait eventfd2 "
    "set_robust_list"  # clone: threads alone
)
_TRIPWIRES = (
    "ptrace process_vm_readv process_vm_writev execve execveat io_uring_setup io_uring_enter bpf mount unshare setns "
    "perf_event_open userfaultfd keyctl add_key kexec_load init_module finit_module pidfd_getfd open_by_handle_at "
    "fsopen open_tree move_mount mount_setattr"
)

_ADDED: dict[Profile, str] = {"ro": "", "rw": _WRITING, "watch": _WATCHING}

_NOT_FOR_THE_FRONT_END = (
    "execve execveat fork vfork ptrace process_vm_readv process_vm_writev bpf mount umount2 pivot_root unshare setns "
    "perf_event_open userfaultfd keyctl add_key kexec_load init_module finit_module pidfd_getfd open_by_handle_at "
    "fsopen open_tree move_mount mount_setattr"
)

_CLONE_THREAD = 0x10000
_SET_ID_BITS = 0o6000
_PROT_EXEC = 4
_MAP_SHARED = 1
_FCNTL_COMMANDS = (0, 1, 2, 3, 4, 1030)  # F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC
_IOCTL_REQUESTS = (0x541B, 0x5451, 0x5421)  # FIONREAD, FIOCLEX, FIONBIO

_LOAD, _JUMP, _EQUAL, _ABOVE_OR_EQUAL, _ANY_BIT, _RETURN = 0x20, 0x05, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16
_X32 = 0x40000000
_TGID_PLACEHOLDER = 0xFFFFFFFF

Instruction = tuple[int, int, int, int]
"""Code, distance when true, distance when false, constant."""


class Program(msgspec.Struct, frozen=True):
    """An assembled filter; the four bytes at `tgid_at` name the one process that may be signalled: the caller."""

    code: bytes
    tgid_at: int

    def bind(self, tgid: int) -> bytes:
        """Make the filter of one process, given its pid as it sees it (`os.getpid()`, also inside a pid namespace)."""
        return self.code[: self.tgid_at] + struct.pack("=I", tgid) + self.code[self.tgid_at + 4 :]


@functools.cache
def assemble(profile: Profile, machine: Machine) -> Program:
    """Build the filter of a pool; it is kept, so that a zygote which calls this once spares its workers the 0.2 ms."""
    allowed = f"{_READING} {_ADDED[profile]}"
    code = [
        *_foreign_calls(machine),
        *_verdict(machine, allowed, ALLOW),
        *_argument_rules(machine, profile),
        *_verdict(machine, _TRIPWIRES, KILL_PROCESS),
        *_verdict(machine, "clone3", ERRNO | errno.ENOSYS),
        (_ABOVE_OR_EQUAL, 0, 1, NEWEST + 1),
        _return(ERRNO | errno.ENOSYS),
        _return(ERRNO | errno.EPERM),
    ]
    tgid_at = code.index((_EQUAL, 0, 1, _TGID_PLACEHOLDER)) * 8 + 4
    return Program(b"".join(struct.pack("=HBBI", *instruction) for instruction in code), tgid_at)


def program(profile: Profile) -> Program:
    """Build the filter for this machine.

    Raises OSError: ENOSYS where the library does not know the architecture or the system is not Linux.
    """
    machine = native()
    if machine is None:
        raise OSError(errno.ENOSYS, "no filter for this system and architecture", "seccomp")
    return assemble(profile, machine)


@functools.cache
def front_end(machine: Machine) -> bytes:
    """Build the filter of the front-end: all but new programs, new processes and what reaches into the kernel.

    It parses what strangers send, but serves HTTP with whatever calls its libraries make: a list of the forbidden.
    """
    code = [
        *_foreign_calls(machine),
        *_verdict(machine, _NOT_FOR_THE_FRONT_END, ERRNO | errno.EPERM),
        *_verdict(machine, "clone3 io_uring_setup io_uring_enter", ERRNO | errno.ENOSYS),
        (_EQUAL, 0, len(_A_THREAD), machine.number("clone")),
        *_A_THREAD,
        _return(ALLOW),
    ]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def install(code: bytes) -> None:
    """Put the filter on every thread of the process, for good. Sets nothing when it fails. Needs `no_new_privs`.

    Raises OSError: the kernel's errno; EBUSY when a thread could not be brought under the filter.
    """
    buffer = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("@HP", len(code) // 8, ctypes.addressof(buffer))
    pointer = ctypes.create_string_buffer(header, len(header))
    set_mode_filter, all_threads = 1, 1
    thread = syscall("seccomp", set_mode_filter, all_threads, ctypes.addressof(pointer))
    if thread > 0:
        raise OSError(errno.EBUSY, f"thread {thread} could not be brought under the filter", "seccomp")


def _return(verdict: int) -> Instruction:
    return (_RETURN, 0, 0, verdict)


def _load_argument(index: int, *, high: bool = False) -> Instruction:
    return (_LOAD, 0, 0, _ARGUMENTS_AT + 8 * index + (4 if high else 0))


_A_THREAD = [_load_argument(0), (_ANY_BIT, 1, 0, _CLONE_THREAD), _return(ERRNO | errno.EPERM), _return(ALLOW)]
"""What `clone` may make."""


def _foreign_calls(machine: Machine) -> list[Instruction]:
    """Kill calls that are numbered differently, and leave the number of the call loaded."""
    code = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_EQUAL, 1, 0, machine.audit),
        _return(KILL_PROCESS),
        (_LOAD, 0, 0, _NUMBER_AT),
    ]
    if machine.name == "x86_64":
        code += [(_ABOVE_OR_EQUAL, 0, 1, _X32), _return(KILL_PROCESS)]
    return code


def _verdict(machine: Machine, names: str, verdict: int) -> list[Instruction]:
    """One comparison for each call, all leading to one return behind them."""
    numbers = [number for name in names.split() if (number := machine.number(name)) != ABSENT]
    return _any_of(numbers, verdict)


def _any_of(values: Sequence[int], verdict: int) -> list[Instruction]:
    count = len(values)
    tests = [(_EQUAL, count - place, 0, value) for place, value in enumerate(values)]
    return [*tests, (_JUMP, 0, 0, 1), _return(verdict)]


def _argument_rules(machine: Machine, profile: Profile) -> list[Instruction]:
    forbidden = _return(ERRNO | errno.EPERM)
    may_change_times = _allow_null(1) if profile == "rw" else [forbidden]
    # Whoever runs a program with these bits has its owner's rights, and that is our account.
    may_change_rights = [*_without_bit(1, _SET_ID_BITS), _return(ALLOW)] if profile == "rw" else [forbidden]
    rules = {
        "mmap": [*_without_bit(2, _PROT_EXEC), *_without_bit(3, _MAP_SHARED), _return(ALLOW)],
        "mprotect": [*_without_bit(2, _PROT_EXEC), _return(ALLOW)],
        "fcntl": [_load_argument(1), *_any_of(_FCNTL_COMMANDS, ALLOW), forbidden],
        "ioctl": [_load_argument(1), *_any_of(_IOCTL_REQUESTS, ALLOW), _return(ERRNO | errno.ENOTTY)],
        "tgkill": [_load_argument(0), (_EQUAL, 0, 1, _TGID_PLACEHOLDER), _return(ALLOW), forbidden],
        "prlimit64": [_load_argument(0), (_EQUAL, 1, 0, 0), forbidden, *_allow_null(2)],  # one's own, and reading only
        "utimensat": may_change_times,  # by descriptor only: a NULL path
        "fchmod": may_change_rights,
        "clone": _A_THREAD if profile == "watch" else [forbidden],
    }
    code: list[Instruction] = []
    for name, body in rules.items():
        # Every body ends in a return, so that the number is still loaded where the next comparison starts.
        code += [(_EQUAL, 0, len(body), machine.number(name)), *body]
    return code


def _without_bit(argument: int, bit: int) -> list[Instruction]:
    return [_load_argument(argument), (_ANY_BIT, 0, 1, bit), _return(ERRNO | errno.EPERM)]


def _allow_null(argument: int) -> list[Instruction]:
    """Allow when both halves of a pointer are zero."""
    return [
        _load_argument(argument),
        (_EQUAL, 0, 3, 0),
        _load_argument(argument, high=True),
        (_EQUAL, 0, 1, 0),
        _return(ALLOW),
        _return(ERRNO | errno.EPERM),
    ]
