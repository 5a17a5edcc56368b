"""Attempts of a captured worker on everything beyond its roots: each raises what the kernel said, or succeeds."""

import contextlib
import ctypes
import mmap
import os
import resource
import socket
import stat
import threading
from collections.abc import Callable

from filewarden.workers.confine import landlock
from filewarden.workers.confine.syscalls import syscall
from filewarden.workers.context import Context

Attempt = Callable[[Context, str, int], object]
PAGE = 4096


def _open(path: str, flags: int) -> None:
    os.close(os.open(path, flags | os.O_CLOEXEC, 0o600))


def _root(_context: Context) -> int:
    """The handle of the first root: the first folder that is open in here."""
    for fd in range(3, 64):
        try:
            if stat.S_ISDIR(os.fstat(fd).st_mode):
                return fd
        except OSError:
            continue
    raise LookupError("no root")


def _raw_socket(family: int, kind: int) -> None:
    os.close(syscall("socket", family, kind, 0))


def _connect(path: str) -> None:
    """By a descriptor that exists: the link's own connection, should no new socket be had."""
    for fd in range(3, 64):
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fileno=os.dup(fd)) as connection:
                connection.connect(path)
        except OSError as error:
            if error.errno in (9, 88):  # EBADF, ENOTSOCK
                continue
            raise
        return
    raise OSError(9, "no socket")


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def _thread() -> None:
    threading.Thread(target=int).start()


def _map(protection: int, flags: int, fd: int = -1) -> None:
    syscall("mmap", 0, PAGE, protection, flags, fd, 0)


def _make_executable() -> None:
    address = syscall("mmap", 0, PAGE, 3, 0x22, -1, 0)
    syscall("mprotect", address, PAGE, 5)


def _map_file(context: Context) -> None:
    fd = os.open("README.md", os.O_RDONLY | os.O_CLOEXEC, dir_fd=_root(context))
    try:
        _map(1, 1, fd)
    finally:
        os.close(fd)


def _eat(step: int, count: int) -> str:
    blocks: list[bytearray] = []
    try:
        while len(blocks) < count:
            blocks.append(bytearray(step))
    except MemoryError:
        held = len(blocks) * step >> 20
        blocks.clear()
        return f"bounded at {held} MiB"
    return "unbounded"


def _fill(context: Context) -> str:
    """Files by name wherever there is a folder, files without one, and the files that are open already."""
    written = []
    for folder in ("/", "/endpoints", "/tmp", "/dev/shm", f"/proc/self/fd/{_root(context)}"):
        for flags in (os.O_CREAT | os.O_WRONLY, os.O_TMPFILE | os.O_WRONLY):
            path = folder if flags & os.O_TMPFILE == os.O_TMPFILE else f"{folder}/filler"
            with contextlib.suppress(OSError):
                os.close(os.open(path, flags | os.O_CLOEXEC, 0o600))
                written.append(path)
    for fd in range(3, 64):
        with contextlib.suppress(OSError):
            os.ftruncate(fd, 1 << 30)
            written.append(str(fd))
    return f"wrote {written}" if written else "nowhere"


def _descriptors(context: Context) -> str:
    fds: list[int] = []
    try:
        while len(fds) < 5000:
            fds.append(os.open(".", os.O_PATH | os.O_CLOEXEC, dir_fd=_root(context)))
    except OSError:
        return f"bounded at {len(fds)}"
    finally:
        for fd in fds:
            os.close(fd)
    return "unbounded"


def _create(context: Context) -> None:
    os.close(os.open("made", os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600, dir_fd=_root(context)))


def _climb(context: Context) -> None:
    os.close(os.open("../beside.txt", os.O_RDONLY | os.O_CLOEXEC, dir_fd=_root(context)))


def _across(context: Context, path: str, act: Callable[[str, int], None]) -> str:
    """What crosses the wall of the root by one call; only the name of the first thing that worked is told."""
    act(path, _root(context))
    return "crossed"


def _change_folder(context: Context) -> None:
    os.fchdir(_root(context))
    os.close(os.open("../OUT", os.O_PATH))


def _climb_by_proc(context: Context) -> None:
    os.close(os.open(f"/proc/self/fd/{_root(context)}/../OUT", os.O_PATH))


def _run_from_root(context: Context) -> None:
    fd = os.open("small.txt", os.O_PATH | os.O_CLOEXEC, dir_fd=_root(context))
    empty = ctypes.create_string_buffer(b"")
    syscall("execveat", fd, ctypes.addressof(empty), 0, 0, 0x1000)


def _standing_descriptors() -> str:
    """What is open in here that is not ours: everything but the roots, the link and the standard ones is a finding."""
    kinds = []
    for fd in range(1024):
        try:
            kinds.append(f"{fd}:{os.fstat(fd).st_mode >> 12:o}")
        except OSError:
            continue
    return " ".join(kinds)


def _no_result(call: str, *arguments: int) -> Attempt:
    return lambda _context, _target, _number: syscall(call, *arguments)


ATTEMPTS: dict[str, Attempt] = {
    # Files.
    "open": lambda _c, path, _n: _open(path, os.O_RDONLY),
    "list": lambda _c, path, _n: os.listdir(path),
    "stat": lambda _c, path, _n: os.stat(path).st_size,
    "O_PATH": lambda _c, path, _n: _open(path, os.O_PATH),
    "write": lambda _c, path, _n: _open(path, os.O_WRONLY),
    "create": lambda _c, path, _n: _open(path, os.O_CREAT | os.O_WRONLY),
    "unlink": lambda _c, path, _n: os.unlink(path),
    "empty": lambda _c, path, _n: _open(path, os.O_RDONLY | os.O_TRUNC),
    "chmod": lambda _c, path, _n: os.chmod(path, 0o777),
    "touch": lambda _c, path, _n: os.utime(path, (1, 1)),
    "setxattr": lambda _c, path, _n: os.setxattr(path, "user.x", b"x"),
    "readlink": lambda _c, path, _n: os.readlink(path),
    "chdir": lambda _c, path, _n: os.chdir(path),
    "climb": lambda c, _p, _n: _climb(c),
    "climb by proc": lambda c, _p, _n: _climb_by_proc(c),
    "change folder": lambda c, _p, _n: _change_folder(c),
    "link in": lambda c, path, _n: _across(c, path, lambda far, root: os.link(far, "made", dst_dir_fd=root)),
    "link out": lambda c, path, _n: _across(c, path, lambda far, root: os.link("small.txt", far, src_dir_fd=root)),
    "symlink in": lambda c, path, _n: _across(c, path, lambda far, root: os.symlink(far, "made", dir_fd=root)),
    "rename in": lambda c, path, _n: _across(c, path, lambda far, root: os.rename(far, "made", dst_dir_fd=root)),
    "rename out": lambda c, path, _n: _across(c, path, lambda far, root: os.rename("small.txt", far, src_dir_fd=root)),
    "create in the root": lambda c, _p, _n: _create(c),
    "unlink in the root": lambda c, _p, _n: os.unlink("README.md", dir_fd=_root(c)),
    "mkdir in the root": lambda c, _p, _n: os.mkdir("made", dir_fd=_root(c)),
    "mkfifo in the root": lambda c, _p, _n: os.mkfifo("made", dir_fd=_root(c)),
    # The network.
    "tcp": lambda _c, _p, _n: _raw_socket(2, 1),
    "udp": lambda _c, _p, _n: _raw_socket(2, 2),
    "raw": lambda _c, _p, _n: _raw_socket(2, 3),
    "unix": lambda _c, _p, _n: _raw_socket(1, 1),
    "netlink": lambda _c, _p, _n: _raw_socket(16, 3),
    "socketpair": _no_result("socketpair", 1, 1, 0, 0),
    "connect": lambda _c, path, _n: _connect(path),
    # Other processes.
    "kill": lambda _c, _p, pid: os.kill(pid, 0),
    "tgkill": lambda _c, _p, pid: syscall("tgkill", pid, pid, 0),
    "pidfd": lambda _c, _p, pid: os.close(os.pidfd_open(pid)),
    "prlimit": lambda _c, _p, pid: resource.prlimit(pid, resource.RLIMIT_NOFILE, (1, 1)),
    "setpriority": lambda _c, _p, pid: os.setpriority(os.PRIO_PROCESS, pid, 19),
    "affinity": lambda _c, _p, pid: os.sched_setaffinity(pid, {0}),
    "ptrace": lambda _c, _p, pid: syscall("ptrace", 16, pid),
    "process_vm_readv": lambda _c, _p, pid: syscall("process_vm_readv", pid),
    "process_vm_writev": lambda _c, _p, pid: syscall("process_vm_writev", pid),
    "pidfd_getfd": _no_result("pidfd_getfd", 3, 0, 0),
    # New processes, new code, new rights.
    "fork": lambda _c, _p, _n: _fork(),
    "vfork": _no_result("vfork"),
    "clone3": _no_result("clone3"),
    "thread": lambda _c, _p, _n: _thread(),
    "execve": lambda _c, path, _n: os.execv(path, ["x"]),
    "execveat": lambda c, _p, _n: _run_from_root(c),
    "io_uring": _no_result("io_uring_setup", 1),
    "bpf": _no_result("bpf"),
    "unshare": _no_result("unshare", 0x10000000),
    "setns": _no_result("setns", 3),
    "mount": _no_result("mount"),
    "userfaultfd": _no_result("userfaultfd"),
    "perf": _no_result("perf_event_open"),
    "keyring": _no_result("add_key"),
    "module": _no_result("init_module"),
    "open_by_handle": _no_result("open_by_handle_at"),
    "mmap exec": lambda _c, _p, _n: _map(5, 0x22),
    "mprotect exec": lambda _c, _p, _n: _make_executable(),
    "mmap shared": lambda _c, _p, _n: _map(3, 0x21),
    "mmap a file shared": lambda c, _p, _n: _map_file(c),
    "memfd": lambda _c, _p, _n: os.close(os.memfd_create("x")),
    "shm": _no_result("shmget", 0, PAGE, 0o1600),
    "become root": lambda _c, _p, _n: os.setuid(0),
    "dumpable": _no_result("prctl", 4, 1),
    "own landlock": lambda _c, _p, _n: landlock.restrict([]),
    "own filter": _no_result("seccomp", 1, 0, 0),
    "raise limit": lambda _c, _p, _n: resource.setrlimit(resource.RLIMIT_CORE, (1, 1)),
    "terminal": lambda _c, _p, _n: _type_into_terminal(),
    # Resources.
    "memory at once": lambda _c, _p, _n: len(bytearray(10 << 30)),
    "memory bit by bit": lambda _c, _p, _n: _eat(1 << 20, 10_000),
    "shared memory": lambda _c, _p, _n: mmap.mmap(-1, 1 << 30).close(),
    "disk": lambda c, _p, _n: _fill(c),
    "descriptors": lambda c, _p, _n: _descriptors(c),
    "standing descriptors": lambda _c, _p, _n: _standing_descriptors(),
}


def _type_into_terminal() -> None:
    """TIOCSTI."""
    syscall("ioctl", 0, 0x5412, ctypes.addressof(ctypes.create_string_buffer(b"x")))
