"""The attacks that `filewarden doctor` makes from inside a confined worker: what a captured one would try.

Each is harmless where it gets through: it touches the playground alone, signals with 0, and gives back what it took. An
attack that returns has got through; what stopped it is an errno, or the kernel's SIGSYS for the deadly ones.
"""

import contextlib
import ctypes
import errno
import mmap
import os
import resource
import socket
import struct
import threading
from collections.abc import Callable
from typing import Literal

import msgspec

from filewarden.workers.confine.selftest import SERVED
from filewarden.workers.confine.syscalls import syscall
from filewarden.workers.profile import Role

Area = Literal["files", "changes", "metadata", "network", "processes", "kernel", "resources"]
Wall = Literal["landlock", "landlock-3", "namespaces", "seccomp", "rlimits", "user"]

_PTRACE_DETACH, _PTRACE_SEIZE, _PTRACE_INTERRUPT = 17, 0x4206, 0x4207
_ANY_CHILD = 0x40000000
_MAP_NORESERVE = 0x4000
_LOOPBACK = "127.0.0.1"


class Orders(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which attacks, and their targets as the host sees them. `outside` is the folder beside the root."""

    attacks: tuple[str, ...]
    outside: str
    tcp_port: int
    udp_port: int
    sibling: int


class Attack(msgspec.Struct, frozen=True):
    """One attempt. Any one of `walls` stops it where it stands; a deadly one costs the worker its life.

    `role` is the worker's that it is an attack for: what others may not is the work of one that writes. "": for each.
    """

    area: Area
    title: str
    walls: tuple[Wall, ...]
    run: Callable[[int, Orders], object]
    is_deadly: bool = False
    role: Literal["", "ro", "rw"] = ""


def attacks_of(role: Role) -> "dict[str, Attack]":
    """The attacks of a worker of this role."""
    return {name: attack for name, attack in ATTACKS.items() if attack.role in ("", role)}


def attempt(name: str, root: int, orders: Orders) -> str:
    """Try one attack; the errno's name, or "ok" when it got through."""
    try:
        ATTACKS[name].run(root, orders)
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error.errno))
    except MemoryError:
        return "ENOMEM"
    except RuntimeError:  # a thread that could not be started
        return "EAGAIN"
    return "ok"


def _secret(orders: Orders) -> str:
    return os.path.join(orders.outside, "secret.txt")


def _read(path: str, dir_fd: int | None = None) -> None:
    os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=dir_fd))


def _list_everything(_root: int, _orders: Orders) -> None:
    if all(name.startswith(SERVED) for name in os.listdir("/")):
        raise OSError(errno.ENOENT, "nothing but what is served")


def _create(path: str, dir_fd: int | None = None) -> None:
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600, dir_fd=dir_fd))
    with contextlib.suppress(OSError):
        os.unlink(path, dir_fd=dir_fd)


def _append(path: str, dir_fd: int | None = None) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, dir_fd=dir_fd))


def _empty(path: str, dir_fd: int | None = None) -> None:
    """Empty a file through a right to read alone."""
    os.close(os.open(path, os.O_RDONLY | os.O_TRUNC | os.O_CLOEXEC, dir_fd=dir_fd))


def _rename(root: int, _orders: Orders) -> None:
    os.rename("inside.txt", "other.txt", src_dir_fd=root, dst_dir_fd=root)
    os.rename("other.txt", "inside.txt", src_dir_fd=root, dst_dir_fd=root)


def _move_out(root: int, _orders: Orders) -> None:
    os.rename("inside.txt", "../outside/moved.txt", src_dir_fd=root, dst_dir_fd=root)
    os.rename("../outside/moved.txt", "inside.txt", src_dir_fd=root, dst_dir_fd=root)


def _link_in(root: int, orders: Orders) -> None:
    os.link(_secret(orders), "linked.txt", dst_dir_fd=root)
    os.unlink("linked.txt", dir_fd=root)


def _change_mode(_root: int, orders: Orders) -> None:
    os.chmod(_secret(orders), 0o666)  # noqa: S103 - as it was


def _look(_root: int, orders: Orders) -> None:
    os.stat(_secret(orders))


def _look_at_handle(_root: int, orders: Orders) -> None:
    os.close(os.open(_secret(orders), os.O_PATH | os.O_CLOEXEC))


def _connect(family: int, kind: int, address: object) -> None:
    with socket.socket(family, kind) as client:
        client.settimeout(1)
        client.connect(address)  # type: ignore[arg-type] # an address of the family
        if kind == socket.SOCK_DGRAM:
            client.send(b"from inside")


def _connect_tcp(_root: int, orders: Orders) -> None:
    _connect(socket.AF_INET, socket.SOCK_STREAM, (_LOOPBACK, orders.tcp_port))


def _send_udp(_root: int, orders: Orders) -> None:
    _connect(socket.AF_INET, socket.SOCK_DGRAM, (_LOOPBACK, orders.udp_port))


def _connect_unix(_root: int, orders: Orders) -> None:
    _connect(socket.AF_UNIX, socket.SOCK_STREAM, os.path.join(orders.outside, "socket"))


def _signal(pid: int) -> None:
    os.kill(pid, 0)


def _read_limits(pid: int) -> None:
    resource.prlimit(pid, resource.RLIMIT_CORE)


def _set_affinity(pid: int) -> None:
    os.sched_setaffinity(pid, os.sched_getaffinity(0))


def _neighbours(orders: Orders) -> tuple[int, ...]:
    """Every number under which another process may be met: the zygote's, the sibling's on the host and in here."""
    return (os.getppid(), orders.sibling, os.getpid() - 1, os.getpid() + 1)


def _on_any_neighbour(act: Callable[[int], object]) -> Callable[[int, Orders], None]:
    def run(_root: int, orders: Orders) -> None:
        failure = OSError(errno.ESRCH, "no neighbour")
        for pid in _neighbours(orders):
            try:
                act(pid)
            except OSError as error:
                failure = error if error.errno != errno.ESRCH else failure
            else:
                return
        raise failure

    return run


def _trace(pid: int) -> None:
    """Take hold of a process, and let it go again: it could not even be told of a signal otherwise (ptrace(2))."""
    syscall("ptrace", _PTRACE_SEIZE, pid, 0, 0)
    syscall("ptrace", _PTRACE_INTERRUPT, pid, 0, 0)
    os.waitpid(pid, _ANY_CHILD)
    syscall("ptrace", _PTRACE_DETACH, pid, 0, 0)


def _read_memory(pid: int) -> None:
    """One byte at an address of no process: who may look is told that it is not there."""
    here = ctypes.create_string_buffer(1)
    local = ctypes.create_string_buffer(struct.pack("@PN", ctypes.addressof(here), 1))
    remote = ctypes.create_string_buffer(struct.pack("@PN", 4096, 1))
    try:
        syscall("process_vm_readv", pid, ctypes.addressof(local), 1, ctypes.addressof(remote), 1, 0)
    except OSError as error:
        if error.errno != errno.EFAULT:
            raise


def _run_program(_root: int, _orders: Orders) -> None:
    os.execv("/bin/true", ["true"])  # noqa: S606 - that is the attack


def _fork(_root: int, _orders: Orders) -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def _start_thread(_root: int, _orders: Orders) -> None:
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()


def _into_kernel(call: str, *arguments: int) -> Callable[[int, Orders], None]:
    """A call whose arguments are good for nothing: EFAULT or EINVAL mean that the kernel had a look at them."""

    def run(_root: int, _orders: Orders) -> None:
        try:
            fd = syscall(call, *arguments)
        except OSError as error:
            if error.errno not in (errno.EFAULT, errno.EINVAL, errno.EBADF):
                raise
        else:
            if fd > 2:
                os.close(fd)

    return run


def _map_code(_root: int, _orders: Orders) -> None:
    mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_EXEC).close()


def _share_memory(_root: int, _orders: Orders) -> None:
    mmap.mmap(-1, 4096, flags=mmap.MAP_SHARED).close()


def _take_ten_gibibytes(_root: int, _orders: Orders) -> None:
    mmap.mmap(-1, 10 << 30, flags=mmap.MAP_PRIVATE | _MAP_NORESERVE).close()


def _open_many(root: int, _orders: Orders) -> None:
    fds: list[int] = []
    try:
        fds.extend(os.open(".", os.O_PATH | os.O_CLOEXEC, dir_fd=root) for _ in range(200))
    finally:
        for fd in fds:
            os.close(fd)


def _become_root(_root: int, _orders: Orders) -> None:
    if os.geteuid() != 0:
        os.setuid(0)


OUTSIDE: tuple[Wall, ...] = ("landlock", "namespaces")
UNSEEN: tuple[Wall, ...] = ("seccomp", "namespaces")
CALLS: tuple[Wall, ...] = ("seccomp",)

ATTACKS: dict[str, Attack] = {
    "open_outside": Attack("files", "open a file outside the root", OUTSIDE, lambda _, o: _read(_secret(o))),
    "open_above": Attack("files", "climb out with ..", OUTSIDE, lambda r, _: _read("../outside/secret.txt", r)),
    "follow_link": Attack("files", "follow a link that leads out", OUTSIDE, lambda r, _: _read("way-out", r)),
    "list_everything": Attack("files", "list the whole system", OUTSIDE, _list_everything),
    "create_outside": Attack("changes", "create a file outside", OUTSIDE, lambda r, _: _create("../outside/new", r)),
    "write_outside": Attack("changes", "write to a file outside", OUTSIDE, lambda _, o: _append(_secret(o))),
    "empty_outside": Attack("changes", "empty a file outside", OUTSIDE, lambda r, _: _empty("../outside/empty.txt", r)),
    "create_inside": Attack(
        "changes", "create a file in a read-only root", OUTSIDE, lambda r, _: _create("new", r), role="ro"
    ),
    "write_inside": Attack(
        "changes", "write to a file of a read-only root", OUTSIDE, lambda r, _: _append("inside.txt", r), role="ro"
    ),
    "empty_inside": Attack(
        "changes",
        "empty a file by reading it",
        ("landlock-3", "namespaces"),
        lambda r, _: _empty("inside.txt", r),
        role="ro",
    ),
    "rename_inside": Attack("changes", "rename a file of a read-only root", OUTSIDE, _rename, role="ro"),
    "move_out": Attack("changes", "move a file out of its root", OUTSIDE, _move_out, role="rw"),
    "link_in": Attack("changes", "link a file from outside into its root", OUTSIDE, _link_in, role="rw"),
    "chmod_outside": Attack("changes", "change modes outside", UNSEEN, _change_mode),
    "touch_outside": Attack("changes", "change times outside", UNSEEN, lambda _, o: os.utime(_secret(o), (1, 1))),
    "stat_outside": Attack("metadata", "see name, size and times of a file outside", ("namespaces",), _look),
    "handle_outside": Attack("metadata", "hold a handle on a file outside", ("namespaces",), _look_at_handle),
    "tcp": Attack("network", "connect over TCP", UNSEEN, _connect_tcp),
    "udp": Attack("network", "send over UDP", UNSEEN, _send_udp),
    "unix_socket": Attack("network", "connect to a UNIX socket", UNSEEN, _connect_unix),
    "socket_pair": Attack("network", "make a pair of sockets", CALLS, _into_kernel("socketpair", 1, 1, 0, 0)),
    "signal": Attack("processes", "send a signal to a neighbour", CALLS, _on_any_neighbour(_signal)),
    "limits_of_others": Attack("processes", "read a neighbour's limits", CALLS, _on_any_neighbour(_read_limits)),
    "affinity_of_others": Attack(
        "processes", "choose a neighbour's processors", CALLS, _on_any_neighbour(_set_affinity)
    ),
    "fork": Attack("processes", "start a process", CALLS, _fork),
    "thread": Attack("processes", "start a thread", CALLS, _start_thread),
    "execve": Attack("processes", "run a program", (*CALLS, "landlock", "namespaces"), _run_program, True),
    "ptrace": Attack("processes", "trace a neighbour", CALLS, _on_any_neighbour(_trace), True),
    "read_memory": Attack("processes", "read a neighbour's memory", CALLS, _on_any_neighbour(_read_memory), True),
    "become_root": Attack("kernel", "become root again", ("user",), _become_root),
    "map_code": Attack("kernel", "map memory as code", CALLS, _map_code),
    "share_memory": Attack("kernel", "map shared memory", CALLS, _share_memory),
    "unshare": Attack("kernel", "enter new namespaces", CALLS, _into_kernel("unshare", 0x10000000), True),
    "mount": Attack("kernel", "mount a file system", CALLS, _into_kernel("mount", 0, 0, 0, 0, 0), True),
    "io_uring": Attack("kernel", "use io_uring", CALLS, _into_kernel("io_uring_setup", 1, 0), True),
    "bpf": Attack("kernel", "load a BPF program", CALLS, _into_kernel("bpf", 5, 0, 0), True),
    "userfaultfd": Attack("kernel", "use userfaultfd", CALLS, _into_kernel("userfaultfd", 1), True),
    "keyctl": Attack("kernel", "use the kernel's keys", CALLS, _into_kernel("keyctl", 0, 0, 0, 0, 0), True),
    "open_by_handle": Attack(
        "kernel", "open a file by its handle", CALLS, _into_kernel("open_by_handle_at", -1, 0, 0), True
    ),
    "memory": Attack("resources", "take 10 GiB of memory", ("rlimits",), _take_ten_gibibytes),
    "descriptors": Attack("resources", "open 200 files at once", ("rlimits",), _open_many),
}
