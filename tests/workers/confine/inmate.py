"""A program for the tests: a clean process that forks confined children, lets them attack, and prints what happened."""

import base64
import ctypes
import errno
import fcntl
import mmap
import os
import re
import resource
import select
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from typing import Literal

import msgspec
import zmq

from filewarden.workers.channel import Channel
from filewarden.workers.confine import landlock, level, privileges, seccomp, selftest
from filewarden.workers.confine.layers import Check, ConfinementError, Layers
from filewarden.workers.confine.steps import Plan, confine_after_link, confine_before_link
from filewarden.workers.confine.syscalls import native, syscall

DEADLINE_S = 10.0
ENDPOINT = "link"
MIB = 1 << 20


class Order(msgspec.Struct, frozen=True, kw_only=True):
    folder: str
    """Becomes the working folder and holds `root` and the endpoint."""
    mode: Literal["required", "best-effort", "off"] = "required"
    profile: Literal["ro", "rw", "watch"] = "ro"
    start_as: int | None = None
    """The account that the whole program changes to before it confines anything."""
    uid: int | None = None
    linked: bool = False
    attacks: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    """System calls that an outer filter answers with ENOSYS, as an old kernel would."""
    parent: Literal["present", "wrong", "dies"] = "present"


class Report(msgspec.Struct, kw_only=True):
    error: str = ""
    layers: Layers | None = None
    checks: list[Check] = []
    level: str = ""
    degraded: list[str] = []
    outcomes: dict[str, str] = {}
    threads: list[str] = []
    owner: int = -1
    """Of the child's files in /proc: root, once it is not dumpable."""
    status: int = 0


def main() -> None:
    orders = msgspec.json.decode(sys.argv[1], type=list[Order])
    os.chdir(orders[0].folder)
    root = os.open("root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    if os.geteuid() == 0:
        os.setgroups([1, 2])
    if (uid := orders[0].start_as) is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        syscall("prctl", 4, 1)  # dumpable again, as a process that was started by this user would be
    sys.stdout.buffer.write(msgspec.json.encode([carry_out(order, root) for order in orders]))


def carry_out(order: Order, root: int) -> Report:
    """Fork one child, serve its link, take its report, look at its threads, let it go, and note how it ended."""
    gate, report = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(gate[1])
        os.close(report[0])
        try:
            if order.parent == "dies":
                be_orphaned(order, root, gate[0], report[1])
            else:
                live(order, root, gate[0], report[1])
        finally:
            os._exit(99)
    os.close(gate[0])
    os.close(report[1])
    try:
        return watch(order, pid, gate[1], report[0])
    finally:
        os.close(report[0])


def watch(order: Order, pid: int, gate: int, report: int) -> Report:
    context = zmq.Context()
    # The socket is kept: one that is collected with an answer under way loses it, or not, as it happens.
    socket = echo(context, gate) if order.linked else None
    text = read_all(report)
    # A child that could report lives on until the gate closes: its threads can be looked at.
    tasks = os.listdir(f"/proc/{pid}/task") if text else []
    threads = [status for task in tasks if (status := status_of(pid, task))]
    owner = os.stat(f"/proc/{pid}/status").st_uid
    os.close(gate)
    if socket is not None:
        socket.close(linger=0)
    context.term()
    result = msgspec.json.decode(text, type=Report) if text else Report()
    result.threads = threads
    result.owner = owner
    result.status = os.waitstatus_to_exitcode(end(pid))
    return result


def status_of(pid: int, thread: str) -> str:
    """Nothing, of one that has just ended."""
    try:
        with open(f"/proc/{pid}/task/{thread}/status") as status:
            return status.read()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def end(pid: int) -> int:
    pidfd = os.pidfd_open(pid)
    if not select.select([pidfd], [], [], DEADLINE_S)[0]:
        os.kill(pid, signal.SIGKILL)
    os.close(pidfd)
    return os.waitpid(pid, 0)[1]


def echo(context: "zmq.Context[zmq.Socket[bytes]]", gate: int) -> "zmq.Socket[bytes]":
    """Answer the hello, then one big message that comes when the child's filter is on."""
    socket = context.socket(zmq.PAIR)
    socket.bind(f"ipc://{ENDPOINT}")
    os.chmod(ENDPOINT, 0o666)  # the child may be another user
    os.write(gate, b"!")
    for _ in range(2):
        if socket.poll(int(DEADLINE_S * 1000)):
            socket.send(socket.recv())
    return socket


def read_all(fd: int) -> bytes:
    """Up to a newline, or the end of the last process that could write."""
    text = b""
    while not text.endswith(b"\n"):
        if not select.select([fd], [], [], DEADLINE_S)[0]:
            return msgspec.json.encode(Report(error="no answer in time"))
        part = os.read(fd, 65536)
        if not part:
            break
        text += part
    return text


def be_orphaned(order: Order, root: int, gate: int, report: int) -> None:
    """Fork the confined child and end, before the one who waits for the report does."""
    ready = os.pipe()
    parent = os.getpid()
    if os.fork() == 0:
        signal.alarm(int(DEADLINE_S) + 1)
        confine_before_link(plan_of(order, root, parent))
        os.write(ready[1], b"!")
        signal.pause()  # the report stays open as long as this process lives
    os.read(ready[0], 1)
    os._exit(0)


def plan_of(order: Order, root: int, parent: int) -> Plan:
    return Plan(
        mode=order.mode,
        profile=order.profile,
        roots=((root, order.profile == "rw"), (os.open("single.txt", os.O_PATH | os.O_CLOEXEC), False)),
        memory_mb=64,
        parent_pid=parent,
        max_write_bytes=MIB,
        uid=order.uid,
    )


def live(order: Order, root: int, gate: int, report: int) -> None:
    privileges.set_process_name("inmate-of-the-tests")
    plan = plan_of(order, root, 1 << 22 if order.parent == "wrong" else os.getppid())
    if order.missing:
        pretend_missing(order.missing)
    link: Channel | None = None
    try:
        layers = confine_before_link(plan)
        if order.linked:
            threading.Thread(target=threading.Event().wait, daemon=True).start()  # as a writer has one for its files
            os.read(gate, 1)
            link = Channel(ENDPOINT, plan.parent_pid, 2 * MIB, DEADLINE_S)
            link.send(b"hello")
            link.receive_within(DEADLINE_S)
        layers = confine_after_link(plan, layers)
    except ConfinementError as error:
        say(report, Report(error=str(error)))
        os.read(gate, 1)
        os._exit(1)
    checks = selftest.run(plan, layers)
    verdict = level.assess(plan.mode, layers, checks)
    result = Report(layers=layers, checks=checks, level=verdict.level, degraded=verdict.degraded)
    if link is not None:
        link.send(bytes(MIB))
        result.outcomes["link"] = "ok" if len(link.receive_within(DEADLINE_S)) == MIB else "cut"
    for name in order.attacks:
        result.outcomes[name] = outcome(ATTACKS[name], root)
    say(report, result)
    os.read(gate, 1)
    os._exit(0)


def say(fd: int, report: Report) -> None:
    os.write(fd, msgspec.json.encode(report) + b"\n")


def outcome(attack: Callable[[int], object], root: int) -> str:
    """What came of it: "ok", a word the attack chose, the errno's name, or the exception's."""
    try:
        result = attack(root)
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, "OSError")
    except (MemoryError, RuntimeError, ValueError) as error:
        return type(error).__name__
    return result if isinstance(result, str) else "ok"


def pretend_missing(names: tuple[str, ...]) -> None:
    machine = native()
    assert machine is not None
    code = struct.pack("=HBBI", 0x20, 0, 0, 0)
    for name in names:
        code += struct.pack("=HBBI", 0x15, 0, 1, machine.number(name))
        code += struct.pack("=HBBI", 0x06, 0, 0, seccomp.ERRNO | errno.ENOSYS)
    code += struct.pack("=HBBI", 0x06, 0, 0, seccomp.ALLOW)
    privileges.set_no_new_privs()
    seccomp.install(code)


def read_file(root: int) -> str:
    how = ctypes.create_string_buffer(struct.pack("=QQQ", os.O_RDONLY | os.O_CLOEXEC, 0, 8 | 2), 24)
    name = ctypes.create_string_buffer(b"folder/inside.txt")
    fd = syscall("openat2", root, ctypes.addressof(name), ctypes.addressof(how), 24)
    text = os.pread(fd, 100, 0)
    os.close(fd)
    return "ok" if text == b"inside" else "wrong text"


def read_link_out(root: int) -> None:
    os.close(os.open("way-out", os.O_RDONLY, dir_fd=root))


def list_folder(root: int) -> str:
    fd = os.open("folder", os.O_RDONLY | os.O_DIRECTORY, dir_fd=root)
    with os.scandir(fd) as entries:
        names = [(entry.name, entry.stat(follow_symlinks=False).st_size) for entry in entries]
    os.close(fd)
    return "ok" if names == [("inside.txt", 6)] else "wrong names"


def statx(root: int) -> None:
    buffer, name = ctypes.create_string_buffer(256), ctypes.create_string_buffer(b"folder")
    syscall("statx", root, ctypes.addressof(name), 0, 0xFFF, ctypes.addressof(buffer))


def compute(_root: int) -> str:
    text = base64.b64encode(os.urandom(100_000)) + b" needle"
    found = re.search(rb"(n.{2}dle)$", text)
    time.sleep(0.001)
    return "ok" if found and msgspec.json.decode(msgspec.json.encode({"a": [1]})) == {"a": [1]} else "wrong"


def start_thread(_root: int) -> None:
    threading.Thread(target=int).start()


def fork(_root: int) -> None:
    if os.fork() == 0:
        os._exit(0)


def too_much_at_once(_root: int) -> None:
    bytearray(10 << 30)


def bit_by_bit(_root: int) -> str:
    blocks: list[bytes] = []
    try:
        while len(blocks) < 1000:
            blocks.append(b"x" * MIB)
    except MemoryError:
        count = len(blocks)
        blocks.clear()
        return "bounded" if 16 < count <= 96 else f"{count} MiB"
    return "unbounded"


def too_many_files(root: int) -> str:
    fds: list[int] = []
    try:
        while len(fds) < 1000:
            fds.append(os.open("folder", os.O_PATH, dir_fd=root))
    except OSError as error:
        return errno.errorcode[error.errno or 0] if len(fds) > 32 else "too few"
    finally:
        for fd in fds:
            os.close(fd)
    return "unbounded"


def too_big_a_file(root: int) -> None:
    fd = os.open("big", os.O_CREAT | os.O_WRONLY, dir_fd=root)
    try:
        os.write(fd, bytes(MIB))
        os.write(fd, b"!")
    finally:
        os.close(fd)
        os.unlink("big", dir_fd=root)


def replace_file(root: int) -> None:
    fd = os.open("new.tmp", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600, dir_fd=root)
    os.pwrite(fd, b"text", 0)
    os.fchmod(fd, 0o640)
    os.utime(fd, (1, 1))
    os.ftruncate(fd, 2)
    os.fsync(fd)
    os.close(fd)
    os.rename("new.tmp", "new", src_dir_fd=root, dst_dir_fd=root)
    os.mkdir("made", dir_fd=root)
    os.rename("new", "made/new", src_dir_fd=root, dst_dir_fd=root)
    os.unlink("made/new", dir_fd=root)
    os.rmdir("made", dir_fd=root)


def make_set_id(root: int) -> None:
    fd = os.open("program", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o700, dir_fd=root)
    try:
        os.write(fd, b"#!/bin/sh")
        os.fchmod(fd, 0o4755)
    finally:
        os.close(fd)
        os.unlink("program", dir_fd=root)


def fill_set_id(root: int) -> str:
    """One that was made with the bit loses it with its first byte (write(2))."""
    fd = os.open("program", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o6755, dir_fd=root)
    try:
        os.write(fd, b"#!/bin/sh")
        return f"{os.fstat(fd).st_mode & 0o6000:o}"
    finally:
        os.close(fd)
        os.unlink("program", dir_fd=root)


def over_link(act: Callable[[socket.socket], object]) -> None:
    """Do something with the connection that exists."""
    for fd in range(3, 64):
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fileno=os.dup(fd)) as connection:
                act(connection)
        except OSError as error:
            if error.errno not in (errno.EBADF, errno.ENOTSOCK):
                raise
        else:
            return
    raise LookupError("no connection")


def empty_by_reading(root: int) -> None:
    os.close(os.open("folder/inside.txt", os.O_RDONLY | os.O_TRUNC, dir_fd=root))


def create(root: int) -> None:
    os.close(os.open("created", os.O_CREAT | os.O_WRONLY, dir_fd=root))


def map_memory(root: int, protection: int, flags: int) -> None:
    syscall("mmap", 0, 4096, protection, flags, -1, 0)


ATTACKS: dict[str, Callable[[int], object]] = {
    # What a worker needs.
    "read_file": read_file,
    "list_folder": list_folder,
    "statx": statx,
    "read_file_root": lambda _: os.close(os.open("single.txt", os.O_RDONLY)),
    "compute": compute,
    "duplicate_fd": lambda root: os.close(os.dup(root)),
    "read_own_limits": lambda _: resource.getrlimit(resource.RLIMIT_AS),
    # Paths.
    "open_outside": lambda _: os.close(os.open("/etc/passwd", os.O_RDONLY)),
    "list_outside": lambda _: os.listdir("/"),
    "read_beside_root": lambda root: os.close(os.open("../secret.txt", os.O_RDONLY, dir_fd=root)),
    "read_link_out": read_link_out,
    "write_outside": lambda root: os.close(os.open("../created", os.O_CREAT | os.O_WRONLY, dir_fd=root)),
    "read_proc": lambda _: os.close(os.open("/proc/self/status", os.O_RDONLY)),
    "change_folder": lambda _: os.chdir("/"),
    "chmod_outside": lambda root: os.chmod("../secret.txt", 0o777, dir_fd=root),
    "touch_outside": lambda root: os.utime("../secret.txt", (1, 1), dir_fd=root),
    # Writing.
    "create": create,
    "make_folder": lambda root: os.mkdir("made", dir_fd=root),
    "remove": lambda root: os.unlink("folder/inside.txt", dir_fd=root),
    "rename": lambda root: os.rename("folder", "other", src_dir_fd=root, dst_dir_fd=root),
    "empty_by_reading": empty_by_reading,
    "replace_file": replace_file,
    "make_set_id": make_set_id,
    "fill_set_id": fill_set_id,
    "link_out": lambda root: os.symlink("/etc/passwd", "link", dir_fd=root),
    "make_pipe": lambda root: os.mkfifo("pipe", dir_fd=root),
    "rename_out": lambda root: os.rename("folder", "../folder", src_dir_fd=root, dst_dir_fd=root),
    "rename_in": lambda root: os.rename("../secret.txt", "mine", src_dir_fd=root, dst_dir_fd=root),
    "hard_link_in": lambda root: os.link("../secret.txt", "mine", src_dir_fd=root, dst_dir_fd=root),
    # The kernel.
    "socket": lambda _: syscall("socket", 2, 1, 0),
    "udp_socket": lambda _: syscall("socket", 2, 2, 0),
    "socketpair": lambda _: syscall("socketpair", 1, 1, 0, 0),
    "hand_over_descriptor": lambda root: over_link(lambda link: socket.send_fds(link, [b"!"], [root])),
    "out_of_band": lambda _: over_link(lambda link: link.send(b"!", socket.MSG_OOB)),
    "peek": lambda _: over_link(lambda link: link.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)),
    "fork": fork,
    "start_thread": start_thread,
    "clone3": lambda _: syscall("clone3", 0, 0),
    "unknown_call": lambda _: libc_call(600),
    "signal_parent": lambda _: os.kill(os.getppid(), 0),
    "signal_itself": lambda _: os.kill(os.getpid(), 0),
    "signal_other_thread": lambda _: syscall("tgkill", os.getppid(), os.getppid(), 0),
    "signal_own_thread": lambda _: syscall("tgkill", os.getpid(), os.getpid(), 0),
    "pidfd": lambda _: os.close(os.pidfd_open(os.getppid())),
    "map_code": lambda root: map_memory(root, 5, 0x22),
    "map_shared": lambda _: mmap.mmap(-1, 4096),
    "memfd": lambda _: os.close(os.memfd_create("x")),
    "type_into_terminal": lambda root: fcntl.ioctl(root, 0x5412, b"x"),
    "become_root": lambda _: os.setuid(0),
    "become_dumpable": lambda _: syscall("prctl", 4, 1),
    "raise_limit": lambda _: resource.setrlimit(resource.RLIMIT_CORE, (0, 1)),
    "limit_parent": lambda _: resource.prlimit(os.getppid(), resource.RLIMIT_CORE),
    "set_affinity": lambda _: os.sched_setaffinity(os.getppid(), {0}),
    "set_priority": lambda _: os.setpriority(os.PRIO_PROCESS, os.getppid(), 19),
    "own_landlock": lambda _: landlock.restrict([]),
    "own_filter": lambda _: seccomp.install(seccomp.program("rw").bind(os.getpid())),
    # Resources.
    "too_much_at_once": too_much_at_once,
    "bit_by_bit": bit_by_bit,
    "too_many_files": too_many_files,
    "too_big_a_file": too_big_a_file,
    # Deadly.
    "execve": lambda _: os.execv("/bin/true", ["true"]),
    "ptrace": lambda _: syscall("ptrace", 0, 0, 0, 0),
    "unshare": lambda _: syscall("unshare", 1 << 28),
    "io_uring": lambda _: syscall("io_uring_setup", 1, 0),
    "mount": lambda _: syscall("mount", 0, 0, 0, 0, 0),
    "read_other_memory": lambda _: syscall("process_vm_readv", os.getppid(), 0, 0, 0, 0, 0),
}


def libc_call(number: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(ctypes.c_long(number)) == -1:
        raise OSError(ctypes.get_errno(), "unknown call")


if __name__ == "__main__":
    main()
