"""Confinement with the real kernel: forked children of a clean process attack from inside, after the last step."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from filewarden.workers.confine.layers import Check, Layers
from filewarden.workers.confine.probe import Kernel

INMATE = Path(__file__).with_name("inmate.py")
NOBODY = 65534
SCOPES_ABI = 6

WORK = ["read_file", "list_folder", "statx", "read_file_root", "compute", "duplicate_fd", "read_own_limits"]
OUTSIDE = ["open_outside", "list_outside", "read_beside_root", "read_link_out", "write_outside", "read_proc"]
OUTSIDE_METADATA = ["change_folder", "chmod_outside", "touch_outside"]
CHANGES = ["create", "make_folder", "remove", "rename", "empty_by_reading", "replace_file"]
ACROSS = ["rename_out", "rename_in", "hard_link_in"]
KERNEL = [
    "socket", "udp_socket", "socketpair", "fork", "signal_parent", "signal_itself", "signal_other_thread", "pidfd",
    "map_code", "map_shared", "memfd", "become_root", "become_dumpable", "limit_parent", "set_affinity", "set_priority",
    "own_landlock", "own_filter", "hand_over_descriptor", "out_of_band",
    "peek",
]  # fmt: skip
ODD = {
    "start_thread": "RuntimeError",
    "clone3": "ENOSYS",
    "unknown_call": "ENOSYS",
    "signal_own_thread": "ok",
    "type_into_terminal": "ENOTTY",
    "raise_limit": "ValueError",
    "too_much_at_once": "MemoryError",
    "bit_by_bit": "bounded",
    "too_many_files": "EMFILE",
}
DEADLY = ["execve", "ptrace", "unshare", "io_uring", "mount", "read_other_memory"]


class Report(msgspec.Struct, frozen=True):
    error: str
    layers: Layers | None
    checks: list[Check]
    level: str
    degraded: list[str]
    outcomes: dict[str, str]
    threads: list[str]
    owner: int
    status: int


Order = dict[str, Any]
Imprison = Callable[..., list[Report]]


def account(start: str) -> Order:
    if os.geteuid() != 0:
        if start == "root":
            pytest.skip("only root can start as root")
        return {}
    return {"uid": NOBODY} if start == "root" else {"start_as": NOBODY}


@pytest.fixture(scope="module", params=["root", "unprivileged"])
def start(request: pytest.FixtureRequest) -> Order:
    """Both ways to start; root changes to another account, and that account cannot reach the root by its path."""
    return account(request.param)


@pytest.fixture(scope="module")
def imprison(sandbox: Kernel, tmp_path_factory: pytest.TempPathFactory) -> Imprison:
    """Run orders in one clean process, in a folder below a private parent."""

    def imprison(*orders: Order) -> list[Report]:
        private = tmp_path_factory.mktemp("private")
        private.chmod(0o700)
        folder = private / "jail"
        for each in (folder, folder / "root", folder / "root/folder"):
            each.mkdir()
            each.chmod(0o777)
        (folder / "root/folder/inside.txt").write_text("inside")
        (folder / "root/way-out").symlink_to("../secret.txt")
        for name in ("secret.txt", "single.txt"):
            (folder / name).write_text(name)
            (folder / name).chmod(0o666)
        text = msgspec.json.encode([{"folder": str(folder), **order} for order in orders]).decode()
        command = [sys.executable, "-I", str(INMATE), text]
        answer = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=50, cwd="/")
        assert (folder / "secret.txt").read_text() == "secret.txt"
        return msgspec.json.decode(answer.stdout, type=list[Report])

    return imprison


@pytest.fixture(scope="module")
def reader(imprison: Imprison, start: Order) -> Report:
    attacks = [*WORK, *OUTSIDE, *OUTSIDE_METADATA, *CHANGES, *ACROSS, *KERNEL, *ODD]
    return imprison({**start, "profile": "ro", "linked": True, "attacks": attacks})[0]


@pytest.fixture(scope="module")
def writer(imprison: Imprison, start: Order) -> Report:
    attacks = [*WORK, *OUTSIDE, *OUTSIDE_METADATA, *ACROSS, *KERNEL, *ODD]
    writing = ["replace_file", "too_big_a_file", "link_out", "make_pipe", "make_set_id", "fill_set_id"]
    return imprison({**start, "profile": "rw", "linked": True, "attacks": [*attacks, *writing]})[0]


@pytest.fixture(scope="module")
def watcher(imprison: Imprison, start: Order) -> Report:
    attacks = [*WORK, *OUTSIDE, *OUTSIDE_METADATA, *CHANGES, *ACROSS, *KERNEL, "start_thread"]
    return imprison({**start, "profile": "watch", "linked": True, "attacks": attacks})[0]


def named(report: Report, names: list[str]) -> dict[str, str]:
    return {name: report.outcomes[name] for name in names}


def refused(report: Report, names: list[str], *codes: str) -> bool:
    outcomes = named(report, names)
    assert set(outcomes.values()) <= set(codes), outcomes
    return True


def test_a_confined_worker_can_do_its_work_over_its_link(reader: Report, writer: Report) -> None:
    for report in (reader, writer):
        assert report.error == ""
        assert report.status == 0
        assert set(named(report, ["link", *WORK]).values()) == {"ok"}, report.outcomes


def test_a_watcher_may_start_threads_and_can_read_no_content_even_inside(watcher: Report) -> None:
    assert watcher.status == 0
    assert set(named(watcher, ["link", "list_folder", "statx", "start_thread"]).values()) == {"ok"}
    assert refused(watcher, ["read_file", "read_file_root"], "EACCES")
    assert refused(watcher, OUTSIDE, "EACCES")
    assert refused(watcher, [*OUTSIDE_METADATA, *KERNEL], "EPERM")
    assert refused(watcher, [*CHANGES, *ACROSS], "EACCES", "EPERM", "EXDEV")
    assert watcher.level == "strong"


def test_nothing_outside_the_roots_can_be_opened(reader: Report, writer: Report) -> None:
    for report in (reader, writer):
        assert refused(report, OUTSIDE, "EACCES")
        assert refused(report, OUTSIDE_METADATA, "EPERM")
        assert refused(report, ACROSS, "EACCES", "EPERM", "EXDEV")


def test_a_reader_changes_nothing(reader: Report) -> None:
    assert refused(reader, CHANGES, "EACCES", "EPERM")


def test_a_writer_replaces_files_but_makes_no_links_or_pipes(writer: Report) -> None:
    assert writer.outcomes["replace_file"] == "ok"
    assert writer.outcomes["too_big_a_file"] == "EFBIG"
    assert refused(writer, ["link_out", "make_pipe"], "EACCES", "EPERM")


def test_a_writer_makes_no_program_that_runs_with_its_rights(writer: Report) -> None:
    assert writer.outcomes["make_set_id"] == "EPERM"
    assert writer.outcomes["fill_set_id"] == "0"


def test_the_kernel_is_out_of_reach(reader: Report, writer: Report) -> None:
    for report in (reader, writer):
        assert refused(report, KERNEL, "EPERM")


def test_memory_and_descriptors_run_out_cleanly_and_other_oddities(reader: Report, writer: Report) -> None:
    for report in (reader, writer):
        assert named(report, list(ODD)) == ODD


def test_every_thread_is_confined_one_started_before_the_filter_too(reader: Report, writer: Report) -> None:
    for report in (reader, writer):
        facts = [dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line) for text in report.threads]
        assert len(facts) == 2
        assert {thread["Seccomp"] for thread in facts} == {"2"}
        assert {thread["NoNewPrivs"] for thread in facts} == {"1"}
        assert {thread[name] for thread in facts for name in ("CapEff", "CapPrm", "CapInh", "CapAmb")} == {"0" * 16}
        assert "inmate-of-the-t" in [thread["Name"] for thread in facts]
        uids = {uid for thread in facts for uid in thread["Uid"].split()}
        assert uids == {str(NOBODY if os.geteuid() == 0 else os.geteuid())}
        if os.geteuid() == 0:
            assert {thread["Groups"].strip() for thread in facts} == {""}


def test_root_leaves_no_capability_that_could_come_back(start: Order, reader: Report) -> None:
    if "uid" not in start:
        pytest.skip("an ordinary user may not shrink its bounding set")
    assert all("CapBnd:\t0000000000000000" in thread for thread in reader.threads)


def test_another_process_of_the_same_user_cannot_look_inside(reader: Report) -> None:
    assert reader.owner == 0  # by proc(5) the mark of a process that is not dumpable


def test_the_report_names_every_layer_and_the_level_is_what_was_measured(reader: Report, kernel: Kernel) -> None:
    layers = reader.layers
    assert layers is not None
    active = [name for name in layers.__struct_fields__ if getattr(layers, name).active]
    assert active == ["openat2", "landlock", "seccomp", "no_new_privs", "rlimits", "user"]
    assert layers.landlock.abi == kernel.landlock_abi
    assert layers.user.uid == (NOBODY if os.geteuid() == 0 else os.geteuid())
    assert [check.name for check in reader.checks if not check.held] == []
    assert len(reader.checks) == 7
    assert len(reader.degraded) == 1
    assert reader.level == "strong", reader.degraded  # these steps alone enter no namespaces


def test_a_tripwire_ends_the_process_with_sigsys(imprison: Imprison, start: Order) -> None:
    reports = imprison(*[{**start, "attacks": [attack]} for attack in DEADLY])
    assert [report.status for report in reports] == [-31] * len(DEADLY)


def test_landlock_alone_still_keeps_a_worker_inside(imprison: Imprison, kernel: Kernel) -> None:
    names = [*OUTSIDE, *ACROSS, "create", "make_folder", "remove", "rename", "empty_by_reading", "make_pipe"]
    order = {
        **account("unprivileged"),
        "mode": "best-effort",
        "missing": ["seccomp"],
        "attacks": [*WORK, *names, "signal_parent"],
    }
    [report] = imprison(order)
    assert report.error == ""
    assert report.level == "partial"
    assert report.layers is not None
    assert not report.layers.seccomp.active
    assert refused(report, names, "EACCES", "EXDEV")
    assert refused(report, ["signal_parent"], "EPERM" if kernel.landlock_abi >= SCOPES_ABI else "ok")
    assert refused(report, WORK, "ok")


def test_a_kernel_without_landlock_is_refused_or_said_so(imprison: Imprison) -> None:
    missing = {**account("unprivileged"), "missing": ["landlock_create_ruleset", "openat2"]}
    strict, relaxed = imprison(missing, {**missing, "mode": "best-effort", "attacks": ["socket", "open_outside"]})
    assert strict.layers is None
    assert "landlock" in strict.error
    assert "ENOSYS" in strict.error
    assert "Linux 6.2" in strict.error
    assert relaxed.level == "partial"
    assert relaxed.layers is not None
    assert not relaxed.layers.landlock.active
    assert not relaxed.layers.openat2.active
    assert len(relaxed.degraded) == 3
    assert relaxed.outcomes == {"socket": "EPERM", "open_outside": "ok"}
    outside = next(check for check in relaxed.checks if check.name == "outside_unreadable")
    assert outside == Check("outside_unreadable", held=False, errno=0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can stay root")
def test_root_without_an_account_to_change_to_is_refused(imprison: Imprison) -> None:
    strict, relaxed = imprison({}, {"mode": "best-effort", "attacks": ["open_outside", "socket"]})
    assert "user" in strict.error
    assert "sandbox.user" in strict.error
    assert relaxed.level == "partial"
    assert relaxed.outcomes == {"open_outside": "EACCES", "socket": "EPERM"}
    assert all("CapEff:\t0000000000000000" in thread for thread in relaxed.threads)


def test_switched_off_nothing_holds_and_the_report_says_so(imprison: Imprison) -> None:
    [report] = imprison({**account("unprivileged"), "mode": "off", "attacks": ["socket", "open_outside"]})
    assert report.level == "off"
    assert report.layers is not None
    assert not any(getattr(report.layers, name).active for name in report.layers.__struct_fields__)
    assert report.outcomes == {"socket": "ok", "open_outside": "ok"}


def test_a_worker_whose_parent_has_gone_does_not_start(imprison: Imprison, start: Order) -> None:
    for report in imprison({**start, "parent": "wrong"}, {**start, "parent": "wrong", "mode": "off"}):
        assert errno.errorcode[errno.ESRCH] in report.error
        assert report.status == 1


def test_a_worker_dies_with_its_parent(imprison: Imprison, start: Order) -> None:
    [report] = imprison({**start, "parent": "dies"})
    assert (report.error, report.status) == ("", 0)
