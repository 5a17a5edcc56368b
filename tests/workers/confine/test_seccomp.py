"""The filter, judged instruction by instruction with an interpreter of the kernel's packet filter language."""

import errno
import struct
from typing import Any

import pytest

from filewarden.workers.confine import seccomp
from filewarden.workers.confine.seccomp import ALLOW, ERRNO, KILL_PROCESS, Profile, assemble, front_end
from filewarden.workers.confine.syscalls import AARCH64, ABSENT, NEWEST, NUMBERS, X86_64, Machine

TGID = 4711
EPERM = ERRNO | errno.EPERM
ENOSYS = ERRNO | errno.ENOSYS
EVERYWHERE = [(machine, profile) for machine in (X86_64, AARCH64) for profile in ("ro", "rw", "watch")]

NEEDED_BY_ALL = (
    "read write close fstat newfstatat statx lseek pread64 readv openat openat2 getdents64 readlinkat brk munmap "
    "mremap madvise futex poll ppoll writev getpid gettid getppid "
    "sched_yield clock_gettime clock_nanosleep getrandom rt_sigaction rt_sigprocmask rt_sigreturn "
    "exit exit_group"
)
OTHERWISE_ALLOWED = (
    "getuid geteuid getgid getegid sched_getaffinity clock_getres gettimeofday getrusage sigaltstack restart_syscall "
    "rseq membarrier fstatfs faccessat faccessat2 mmap mprotect fcntl prlimit64 utimensat"
)
ONLY_TO_WRITE = (
    "pwrite64 fsync fdatasync sync_file_range ftruncate fchmod mkdirat unlinkat renameat renameat2 linkat "
    "symlinkat fallocate copy_file_range umask flock fgetxattr flistxattr fsetxattr"
)
ONLY_TO_WATCH = (
    "inotify_init1 inotify_add_watch inotify_rm_watch epoll_create1 epoll_ctl epoll_wait epoll_pwait eventfd2 "
    "set_robust_list"
)
REFUSED = (
    "socket socketpair connect bind listen accept4 shutdown getsockopt setsockopt getsockname getpeername sendto "
    "sendmsg recvfrom recvmsg sched_setscheduler sched_getparam sched_getscheduler clone fork vfork kill tkill "
    "pidfd_open pidfd_send_signal setpriority sched_setaffinity prctl seccomp chdir fchdir chmod fchmodat fchownat "
    "truncate mknodat memfd_create shmget mlock landlock_create_ruleset landlock_add_rule landlock_restrict_self "
    "pkey_mprotect capset"
)
DEADLY = (
    "ptrace process_vm_readv process_vm_writev execve execveat io_uring_setup io_uring_enter bpf mount unshare "
    "setns perf_event_open userfaultfd keyctl add_key kexec_load init_module finit_module pidfd_getfd "
    "open_by_handle_at fsopen open_tree move_mount mount_setattr"
)
ARGUMENTS_DECIDE = [
    ("mmap", (0, 4096, 3, 0x22), ALLOW),
    ("mmap", (0, 4096, 5, 0x22), EPERM),
    ("mmap", (0, 4096, 4 | 1 << 40, 0x22), EPERM),
    ("mmap", (0, 4096, 3, 0x01), EPERM),
    ("mmap", (0, 4096, 3, 0x03), EPERM),
    ("mprotect", (0, 4096, 3), ALLOW),
    ("mprotect", (0, 4096, 4), EPERM),
    *[("fcntl", (3, command), ALLOW) for command in (0, 1, 2, 3, 4, 1030)],
    *[("fcntl", (3, command), EPERM) for command in (5, 6, 8, 10, 1024, 1031, 1033)],
    *[("ioctl", (0, request), ALLOW) for request in (0x541B, 0x5451, 0x5421)],
    *[("ioctl", (0, request), ERRNO | errno.ENOTTY) for request in (0x5412, 0x541C, 0x5401)],
    ("tgkill", (TGID, 4712, 6), ALLOW),
    ("tgkill", (TGID + 1, 4712, 9), EPERM),
    ("prlimit64", (0, 7, 0, 0x7FFF0000), ALLOW),
    ("prlimit64", (0, 7, 0x7FFF0000, 0), EPERM),
    ("prlimit64", (0, 7, 1 << 32, 0), EPERM),
    ("prlimit64", (4000, 7, 0, 0x7FFF0000), EPERM),
    ("clone3", (), ENOSYS),
]


def judge(code: bytes, number: int, arguments: tuple[int, ...] = (), architecture: int = X86_64.audit) -> int:
    """Run the filter on one call, as the kernel does, and return its verdict."""
    data = struct.pack("=iIQ6Q", number, architecture, 0, *arguments, *(0,) * (6 - len(arguments)))
    instructions = [struct.unpack_from("=HBBI", code, at) for at in range(0, len(code), 8)]
    accumulator, at = 0, 0
    while True:
        operation, when_true, when_false, constant = instructions[at]
        at += 1
        match operation:
            case 0x20:
                (accumulator,) = struct.unpack_from("=I", data, constant)
            case 0x05:
                at += constant
            case 0x06:
                return int(constant)
            case 0x15:
                at += when_true if accumulator == constant else when_false
            case 0x35:
                at += when_true if accumulator >= constant else when_false
            case 0x45:
                at += when_true if accumulator & constant else when_false
            case _:
                raise AssertionError(f"the kernel would refuse instruction {operation:#x}")


def verdict(machine: Machine, profile: Profile, name: str, arguments: tuple[int, ...] = ()) -> int:
    return judge(assemble(profile, machine).bind(TGID), machine.number(name), arguments, machine.audit)


def present(machine: Machine, names: str) -> list[str]:
    return [name for name in names.split() if machine.number(name) != ABSENT]


@pytest.mark.parametrize(("machine", "profile"), EVERYWHERE)
def test_what_every_worker_needs_is_allowed(machine: Machine, profile: Profile) -> None:
    for name in present(machine, NEEDED_BY_ALL):
        assert verdict(machine, profile, name) == ALLOW, name


@pytest.mark.parametrize(("machine", "profile"), EVERYWHERE)
def test_only_the_writing_pool_may_change_files(machine: Machine, profile: Profile) -> None:
    for name in present(machine, ONLY_TO_WRITE):
        assert verdict(machine, profile, name) == (ALLOW if profile == "rw" else EPERM), name
    by_descriptor, by_path = (3, 0, 0x7000), (3, 1 << 32, 0x7000)
    assert verdict(machine, profile, "utimensat", by_descriptor) == (ALLOW if profile == "rw" else EPERM)
    assert verdict(machine, profile, "utimensat", by_path) == EPERM


@pytest.mark.parametrize(("machine", "profile"), EVERYWHERE)
def test_nobody_makes_a_program_that_runs_with_our_rights(machine: Machine, profile: Profile) -> None:
    for mode in (0o4755, 0o2755, 0o6000):
        assert verdict(machine, profile, "fchmod", (3, mode)) == EPERM, mode
    assert verdict(machine, profile, "fchmod", (3, 0o1777)) == (ALLOW if profile == "rw" else EPERM)


@pytest.mark.parametrize(("machine", "profile"), EVERYWHERE)
def test_only_a_watcher_may_watch_and_start_threads_but_no_process(machine: Machine, profile: Profile) -> None:
    expected = ALLOW if profile == "watch" else EPERM
    for name in present(machine, ONLY_TO_WATCH):
        assert verdict(machine, profile, name) == expected, name
    thread, process, in_our_memory = 0x3D0F00, 17, 0x4111
    assert verdict(machine, profile, "clone", (thread,)) == expected
    assert verdict(machine, profile, "clone", (process,)) == EPERM
    assert verdict(machine, profile, "clone", (in_our_memory,)) == EPERM


@pytest.mark.parametrize(("machine", "profile"), EVERYWHERE)
def test_the_rest_is_refused_and_tripwires_kill(machine: Machine, profile: Profile) -> None:
    for name in present(machine, REFUSED):
        assert verdict(machine, profile, name) == EPERM, name
    for name in present(machine, DEADLY):
        assert verdict(machine, profile, name) == KILL_PROCESS, name


@pytest.mark.parametrize(("machine", "profile"), EVERYWHERE)
@pytest.mark.parametrize(("name", "arguments", "expected"), ARGUMENTS_DECIDE)
def test_arguments_decide(
    machine: Machine, profile: Profile, name: str, arguments: tuple[int, ...], expected: int
) -> None:
    assert verdict(machine, profile, name, arguments) == expected


@pytest.mark.parametrize(("machine", "profile"), EVERYWHERE)
def test_every_number_gets_a_verdict_and_only_known_names_are_allowed(machine: Machine, profile: Profile) -> None:
    code = assemble(profile, machine).bind(TGID)
    names = {machine.number(name): name for name in NUMBERS}
    allowed = f"{NEEDED_BY_ALL} {ONLY_TO_WRITE} {ONLY_TO_WATCH} {OTHERWISE_ALLOWED}".split()
    for number in range(NEWEST + 1):
        result = judge(code, number, (), machine.audit)
        assert result != ALLOW or names[number] in allowed, number
    for number in (NEWEST + 1, 600, 0x3FFFFFFF):
        assert judge(code, number, (), machine.audit) == ENOSYS


def test_another_architecture_or_numbering_is_killed() -> None:
    code = assemble("ro", X86_64).bind(TGID)
    i386 = 0x40000003
    for architecture in (i386, AARCH64.audit, 0):
        assert judge(code, X86_64.number("read"), (), architecture) == KILL_PROCESS
    for number in (0x40000000, 0x40000000 | X86_64.number("read"), -1):
        assert judge(code, number) == KILL_PROCESS
    assert judge(assemble("ro", AARCH64).bind(TGID), 63, (), X86_64.audit) == KILL_PROCESS


@pytest.mark.parametrize(("machine", "profile"), EVERYWHERE)
def test_binding_changes_nothing_but_the_process(machine: Machine, profile: Profile) -> None:
    program = assemble(profile, machine)
    first, second = program.bind(1), program.bind(0x01020304)
    assert len(first) == len(second) == len(program.code)
    assert len(first) // 8 < 300
    differing = {at for at in range(len(first)) if first[at] != second[at]}
    assert differing <= set(range(program.tgid_at, program.tgid_at + 4))


FORBIDDEN_TO_THE_FRONT_END = (
    "execve execveat fork vfork ptrace process_vm_readv process_vm_writev bpf mount umount2 pivot_root unshare setns "
    "perf_event_open userfaultfd keyctl add_key kexec_load init_module finit_module pidfd_getfd open_by_handle_at "
    "fsopen open_tree move_mount mount_setattr"
)


@pytest.mark.parametrize("machine", [X86_64, AARCH64], ids=lambda machine: machine.name)
def test_the_front_end_starts_threads_and_no_process_and_stays_out_of_the_kernel(machine: Machine) -> None:
    code = front_end(machine)

    def heard(name: str, *arguments: int) -> int:
        return judge(code, machine.number(name), arguments, machine.audit)

    for name in present(machine, FORBIDDEN_TO_THE_FRONT_END):
        assert heard(name) == EPERM, name
    for name in ("clone3", "io_uring_setup", "io_uring_enter"):
        assert heard(name) == ENOSYS, name
    thread, process, in_our_memory = 0x3D0F00, 17, 0x4111
    assert [heard("clone", flags) for flags in (thread, process, in_our_memory)] == [ALLOW, EPERM, EPERM]
    for name in ("read", "socket", "connect", "accept4", "sendmsg", "kill", "pidfd_send_signal"):
        assert heard(name) == ALLOW, name
    for architecture in (0x40000003, 0):
        assert judge(code, machine.number("read"), (), architecture) == KILL_PROCESS
    if machine is X86_64:
        assert judge(code, 0x40000000 | machine.number("read"), (), machine.audit) == KILL_PROCESS


def test_a_filter_is_put_on_every_thread_or_on_none(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    answers = iter((0, 4711))

    def syscall(name: str, *arguments: int) -> int:
        asked.append((name, *arguments[:2]))
        return next(answers)

    monkeypatch.setattr(seccomp, "syscall", syscall)
    seccomp.install(bytes(8))
    with pytest.raises(OSError, match="thread 4711") as raised:
        seccomp.install(bytes(8))
    assert raised.value.errno == errno.EBUSY
    assert asked == [("seccomp", 1, 1)] * 2
