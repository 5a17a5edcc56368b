"""Section K: an attacker runs code in a worker, behind either transport; the invariants hold afterwards.

What is tried, and more of it, stands in `tests/hostile`; here each row of the catalogue has its test.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration

CAPTURED = (str(Path(__file__).parent.parent / "hostile" / "captured" / "server.py"),)
REFUSED = {"ENOENT", "EACCES", "EPERM", "EROFS", "EXDEV"}
DEADLINE_S = "3"


@pytest.fixture(scope="module")
def shared(launch: Callable[..., Any], ground: Any) -> Callable[[str], Any]:
    servers: dict[str, Any] = {}

    def find(kind: str) -> Any:
        if kind not in servers:
            servers[kind] = launch(
                kind,
                ground,
                program=CAPTURED,
                FILEWARDEN_POOL_WORKERS="2",
                FILEWARDEN_DEADLINES_READ_S=DEADLINE_S,
                FILEWARDEN_SANDBOX_MODE="required",
            )
        servers[kind].settle()
        return servers[kind]

    return find


@pytest.fixture
def captured(transport: str, shared: Callable[[str], Any], guard: Callable[..., Any]) -> Any:
    return guard(shared(transport))


@pytest.fixture
def attempt(captured: Any) -> Callable[..., str]:
    """What came of an attempt: an errno, "ok" and what it got, or "worker_crashed"."""

    def attempt(name: str, target: str = "", number: int = 0) -> str:
        result = captured.call("attempt", name=name, target=target, number=number)
        failed = result.get("isError")
        return str(result["structuredContent"]["error"]["code"] if failed else result["structuredContent"]["outcome"])

    return attempt


@pytest.fixture
def attack_link(captured: Any) -> Callable[[str], str]:
    def attack(name: str) -> str:
        return str(captured.code("attack_link", name=name))

    return attack


def test_k01_read_outside(attempt: Callable[..., str], captured: Any, ground: Any) -> None:
    token = Path(captured.environ["XDG_STATE_HOME"]) / "filewarden" / "token"
    for path in (ground.hook, "/etc/shadow", "/etc/passwd", ground.config, token, "/proc/self/environ"):
        for name in ("open", "O_PATH", "stat"):
            assert attempt(name, str(path)) in REFUSED, (name, path)
    for folder in ("/", ground.outside, "/etc", "/proc"):
        assert attempt("list", str(folder)) in REFUSED, folder


def test_k02_write_outside_and_in_a_read_only_root(attempt: Callable[..., str], ground: Any) -> None:
    for name in ("write", "create", "empty", "unlink", "chmod", "touch", "setxattr"):
        for path in (ground.hook, ground.outside / "new", "/etc/passwd"):
            assert attempt(name, str(path)) in REFUSED, (name, path)
    for name in ("create in the root", "mkdir in the root", "mkfifo in the root"):
        assert attempt(name) in REFUSED, name
    assert not (ground.root / "made").exists()


def test_k03_links_and_renames_across_the_wall(attempt: Callable[..., str], ground: Any) -> None:
    for name in ("link in", "symlink in", "rename in"):
        assert attempt(name, str(ground.hook)) in REFUSED, name
    for name in ("link out", "rename out"):
        assert attempt(name, str(ground.outside / "new")) in REFUSED, name


def test_k04_network(attempt: Callable[..., str]) -> None:
    for kind in ("tcp", "udp", "raw", "unix", "netlink", "socketpair"):
        assert attempt(kind) == "EPERM", kind


def test_k05_run_a_program(attempt: Callable[..., str]) -> None:
    for path in ("/bin/sh", sys.executable, "/proc/self/exe"):
        assert attempt("execve", path) == "worker_crashed", path
    assert attempt("execveat") == "worker_crashed"
    assert attempt("memfd") == "EPERM"


def test_k06_other_processes(attempt: Callable[..., str], captured: Any) -> None:
    sibling = captured.status()["workers"][1]["pid"]
    for pid in (captured.pid, sibling, os.getpid(), 1):
        for name in ("kill", "tgkill", "pidfd", "prlimit", "setpriority", "affinity"):
            assert attempt(name, number=pid) == "EPERM", (name, pid)
    for name in ("ptrace", "process_vm_readv", "process_vm_writev"):
        assert attempt(name, number=sibling) == "worker_crashed", name


def test_k07_gain_rights(attempt: Callable[..., str]) -> None:
    assert attempt("become root") == "EPERM"
    for name in ("unshare", "setns", "mount", "keyring", "bpf", "io_uring", "perf", "module", "userfaultfd"):
        assert attempt(name) == "worker_crashed", name


def test_k08_undo_the_sandbox(attempt: Callable[..., str]) -> None:
    for name in ("own landlock", "own filter", "dumpable"):
        assert attempt(name) == "EPERM", name
    assert attempt("raise limit") in {"EPERM", "ValueError"}  # the interpreter's words for it
    assert attempt("pidfd_getfd") == "worker_crashed"
    kinds = [each.split(":")[1] for each in attempt("standing descriptors").split()[1:]]
    assert len(kinds) <= 20
    assert kinds.count("14") == 1  # S_IFSOCK: the connection to the broker


def test_k09_escape_by_a_folder_s_descriptor(attempt: Callable[..., str]) -> None:
    for name in ("climb", "climb by proc", "change folder"):
        assert attempt(name) in REFUSED, name


def test_k10_terminal_injection(attempt: Callable[..., str]) -> None:
    assert attempt("terminal") in {"ENOTTY", "EPERM"}


def test_k11_answers_for_other_jobs(captured: Any, attack_link: Callable[[str], str]) -> None:
    for name in ("another call's answer", "an old call's answer"):
        assert attack_link(name) == "worker_crashed", name
    before = captured.status()["pool"]["restarts_total"]
    assert attack_link("two answers") in {"ok", "worker_crashed"}  # the first may be read before the second comes
    captured.wait_for_status(lambda status: status["pool"]["restarts_total"] > before)


def test_k12_another_worker_s_part(attack_link: Callable[[str], str]) -> None:
    for name in ("the hello again", "a second report", "our own message"):
        assert attack_link(name) == "worker_crashed", name


def test_k13_malformed_frames(attack_link: Callable[[str], str]) -> None:
    for name in (
        "garbage",
        "empty",
        "half an answer",
        "a message of many parts",
        "an oversize frame",
        "a lying length",
        "no ZMTP",
        "NaN where an id belongs",
        "an answer with bad UTF-8",
    ):
        assert attack_link(name) == "worker_crashed", name


def test_k14_objects_are_not_made_of_bytes(attack_link: Callable[[str], str]) -> None:
    assert attack_link("a pickle") == "worker_crashed"


def test_k15_a_result_of_another_type(attack_link: Callable[[str], str]) -> None:
    for name in ("an answer of another shape", "an answer of another kind", "an answer that says too much"):
        assert attack_link(name) == "worker_crashed", name


def test_k16_text_of_a_worker_stays_text(captured: Any) -> None:
    """The guard reads every byte of the answer: one message a line, no control character in it."""
    hostile = 'a\n{"jsonrpc":"2.0","id":1,"result":{}}\r\n\x1b]0;pwn\x07\u202e\u2028'
    result = captured.call("mark", text=hostile)
    assert result["structuredContent"]["outcome"].endswith(hostile)


def test_k17_noise_without_a_call(attack_link: Callable[[str], str], captured: Any) -> None:
    restarts = captured.status()["pool"]["restarts_total"]
    for number, name in enumerate(("idle: pings", "idle: burning", "idle: an answer"), start=1):
        assert attack_link(name) == "ok", name
        captured.wait_for_status(lambda status, least=restarts + number: status["pool"]["restarts_total"] >= least)


def test_k19_nothing_is_left_in_shared_places(attempt: Callable[..., str], attack_link: Callable[[str], str]) -> None:
    before = set(os.listdir("/dev/shm"))
    for name in ("shared memory", "shm", "mmap shared"):
        assert attempt(name) in {"EPERM", "PermissionError"}, name
    assert attempt("disk") == "ok nowhere"
    assert attack_link("garbage") == "worker_crashed"
    give_up_at = time.monotonic() + 10
    while left := set(os.listdir("/dev/shm")) - before:  # others have something there for a moment
        assert time.monotonic() < give_up_at, left


def test_q05_a_worker_makes_no_process_and_no_thread(attempt: Callable[..., str]) -> None:
    assert attempt("fork") == "EPERM"
    assert attempt("vfork") == "EPERM"
    assert attempt("clone3") == "ENOSYS"
    assert attempt("thread") == "RuntimeError"


def test_q06_descriptors_run_out_cleanly(attempt: Callable[..., str], captured: Any) -> None:
    before = captured.status()["pool"]["restarts_total"]
    assert attempt("descriptors").startswith("ok bounded at ")
    assert captured.status()["pool"]["restarts_total"] == before


def test_q07_a_flood_of_output_ends_its_worker(captured: Any, attack_link: Callable[[str], str]) -> None:
    before = captured.memory_mb()
    restarts = captured.status()["pool"]["restarts_total"]
    assert attack_link("a flood of answers") in {"ok", "worker_crashed"}  # the first one may count
    captured.wait_for_status(lambda status: status["pool"]["restarts_total"] > restarts)
    assert attack_link("an endless message of big parts") == "worker_crashed"
    captured.wait_for_status(lambda status: status["pool"]["ready"] == status["pool"]["size"])
    assert captured.memory_mb() - before < 400
