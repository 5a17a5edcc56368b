"""What a captured worker may not do, tried from inside one (the table of the sandbox's design)."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration

Attempt = Callable[..., str]

HIDDEN = {"full": {"ENOENT", "EACCES"}, "strong": {"EACCES"}}
"""How a path outside the roots looks: at level "full" it is not there."""


@pytest.fixture
def beside(tree: Path) -> Path:
    """A file outside the root that everybody might read and write."""
    file = tree.parent / "beside.txt"
    file.write_text("secret")
    file.chmod(0o666)
    return file


@pytest.fixture
def level(captured: Any) -> str:
    found: str = captured.status()["sandbox"]["level"]
    return found


def test_files_outside_the_root_stay_closed(attempt: Attempt, beside: Path, level: str) -> None:
    outside = str(beside)
    for name in ("open", "write", "create", "empty"):
        assert attempt(name, outside) in HIDDEN[level] | {"EROFS"}, name
    assert attempt("open", "/etc/passwd") in HIDDEN[level]
    assert attempt("list", "/") in {"EACCES"}
    assert attempt("list", "/proc") in HIDDEN[level]
    assert attempt("climb") in HIDDEN[level]
    for name in ("unlink", "chmod", "touch", "setxattr", "readlink", "chdir"):
        assert attempt(name, outside) in HIDDEN[level] | {"EPERM"}, name
    assert beside.read_text() == "secret"
    assert beside.stat().st_mode & 0o777 == 0o666


def test_at_level_full_what_lies_outside_cannot_even_be_seen(attempt: Attempt, beside: Path, level: str) -> None:
    if level != "full":
        pytest.skip("this machine has no namespaces for us: names, sizes and times can be seen")
    for path in (str(beside), "/etc/passwd", "/proc/self/status", "/dev/null", "/tmp"):
        assert attempt("stat", path) == "ENOENT", path
        assert attempt("O_PATH", path) == "ENOENT", path


def test_the_root_itself_cannot_be_changed(attempt: Attempt, tree: Path) -> None:
    tree.chmod(0o777)
    for name in ("create in the root", "unlink in the root", "mkdir in the root", "mkfifo in the root"):
        assert attempt(name) in {"EACCES", "EPERM", "EROFS"}, name
    assert (tree / "README.md").exists()
    assert not (tree / "made").exists()


def test_there_are_no_sockets(attempt: Attempt) -> None:
    for kind in ("tcp", "udp", "raw", "unix", "netlink", "socketpair"):
        assert attempt(kind) == "EPERM", kind


def test_nothing_can_be_connected_to(attempt: Attempt, tree: Path) -> None:
    path = f"/tmp/fw-listener-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        try:
            os.chmod(path, 0o777)
            listener.listen()
            listener.setblocking(False)
            assert attempt("connect", path) == "EPERM"
            with pytest.raises(BlockingIOError):
                listener.accept()
        finally:
            os.unlink(path)


def test_other_processes_are_out_of_reach(attempt: Attempt, captured: Any) -> None:
    sibling = captured.status()["workers"][1]["pid"]
    for name in ("kill", "tgkill", "pidfd", "prlimit", "setpriority", "affinity"):
        for pid in (captured.pid, sibling, 1):  # by their numbers outside, and as the zygote inside
            assert attempt(name, number=pid) == "EPERM", name
    assert captured.status()["pool"]["restarts_total"] == 0


def test_no_process_code_or_right_is_gained(attempt: Attempt, captured: Any) -> None:
    for name in ("fork", "vfork", "mmap exec", "mprotect exec", "mmap shared", "mmap a file shared", "memfd", "shm",
                 "become root", "dumpable", "own landlock", "own filter"):  # fmt: skip
        assert attempt(name) == "EPERM", name
    assert attempt("raise limit") in {"EPERM", "ValueError"}  # the interpreter's words for it
    assert attempt("clone3") == "ENOSYS"  # libc falls back to clone, which is refused
    assert attempt("thread") == "RuntimeError"
    assert attempt("terminal") == "ENOTTY"
    assert captured.status()["pool"]["restarts_total"] == 0


DEADLY = ["ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "execve", "io_uring", "bpf", "unshare",
          "setns", "mount", "userfaultfd", "perf", "keyring", "module", "open_by_handle"]  # fmt: skip


def test_what_no_honest_worker_does_kills_it_and_is_counted(
    attempt: Attempt, captured: Any, audited: Callable[[int], Any]
) -> None:
    for name in DEADLY:
        assert attempt(name, "/bin/true", captured.pid) == "killed", name
    status = captured.wait_for_status(lambda status: status["pool"]["ready"] == 2)
    assert status["pool"]["restarts_total"] == len(DEADLY)
    captured.wait_for_status(lambda _status: captured.errors.count("forbidden system call") == len(DEADLY))
    calls, breaches = audited(len(DEADLY))
    assert [call["outcome"] for call in calls] == ["worker_crashed"] * len(DEADLY)
    assert {breach["reason"] for breach in breaches} == {"a forbidden system call"}
    told = [(breach["worker"], breach["call"]) for breach in breaches]
    assert told == [(call["worker"], call["call"]) for call in calls]


def test_memory_and_descriptors_are_bounded(attempt: Attempt, captured: Any) -> None:
    assert attempt("memory at once") == "MemoryError"
    assert attempt("shared memory") in {"EPERM", "PermissionError"}
    fds = attempt("descriptors")
    assert fds.startswith("ok bounded at ")
    assert int(fds.split()[3]) < 80
    assert captured.status()["pool"]["restarts_total"] == 0
    held = attempt("memory bit by bit")  # whichever is first: the limit, or the watch from outside
    assert held == "memory_limit" or int(held.removeprefix("ok bounded at ").split()[0]) <= 512


def test_there_is_no_disk_to_fill(attempt: Attempt, tree: Path) -> None:
    tree.chmod(0o777)
    assert attempt("disk") == "ok nowhere"
    assert not list(tree.rglob("filler"))


def kept_by_libraries() -> int:
    """How many files `ctypes` leaves open: libffi 3.5 keeps itself at hand, as long as its trampolines live."""
    count = "len(os.listdir('/proc/self/fd'))"
    code = f"import os; before = {count}; import ctypes; print({count} - before)"
    return int(subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, check=True, timeout=30).stdout)


def test_a_worker_holds_no_descriptor_of_others(attempt: Attempt) -> None:
    """Standard ones, roots, one connection, the memory that is its shelf, and files of libraries themselves.

    Not those by which the zygote knows the workers before it, either: another one is asked than the first.
    """
    assert attempt("ptrace") == "killed"
    found = attempt("standing descriptors").split()[1:]
    kinds = sorted(each.split(":")[1] for each in found)
    assert len(found) <= 6 + kept_by_libraries(), found
    assert kinds.count("14") == 1, found  # S_IFSOCK: the connection to the broker
