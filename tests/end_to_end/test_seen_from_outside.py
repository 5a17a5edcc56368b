"""What the kernel says of a server's processes while they serve: proc(5), not our own report."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from filewarden.workers.slices import ANSWERING_S, SCANNING_S
from tests.drivers.slices import attributes_of

pytestmark = pytest.mark.integration

Json = dict[str, Any]
NAMESPACES = ("user", "pid", "mnt", "net", "ipc", "uts")


def facts_of(folder: Path) -> dict[str, str]:
    """The lines of a `status` file."""
    return dict(line.split(":\t", 1) for line in (folder / "status").read_text().splitlines() if ":\t" in line)


def threads_of(pid: int) -> list[dict[str, str]]:
    return [facts_of(task) for task in Path(f"/proc/{pid}/task").iterdir()]


@pytest.fixture
def serving(start_server: Callable[..., Any], short_deadlines: dict[str, str]) -> Any:
    """A server all of whose workers have a call under way; a spare stands by."""
    server = start_server(faulty=True, **{**short_deadlines, "FILEWARDEN_DEADLINES_READ_S": "30"})
    server.initialize()
    server.wait_until_ready()
    for number in range(3):
        server.start_call("sleep", seconds=20 + number)
    server.wait_for_status(lambda status: status["pool"]["busy"] == 3)
    return server


@pytest.fixture
def workers(serving: Any, descendants: Callable[[int], set[int]]) -> list[int]:
    """Three at work and the spare: all that lives in the inner pid namespace, but for its first process, the zygote."""
    inner = {pid: facts_of(Path(f"/proc/{pid}"))["NSpid"].split()[1:] for pid in descendants(serving.pid)}
    found = [pid for pid, numbers in inner.items() if numbers and numbers != ["1"]]
    assert {row["pid"] for row in serving.status()["workers"]} < set(found)
    assert len(found) == 4
    return found


def test_every_thread_of_every_worker_is_confined(workers: list[int]) -> None:
    for pid in workers:
        threads = threads_of(pid)
        assert len(threads) == 1
        for facts in threads:
            assert facts["NoNewPrivs"] == "1"
            assert facts["Seccomp"] == "2"
            for held in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb"):
                assert int(facts[held], 16) == 0, held
            assert "0" not in facts["Uid"].split()
            assert "0" not in facts["Gid"].split()


def test_what_answers_takes_the_processor_from_what_scans(start_server: Callable[..., Any], tree: Path) -> None:
    if not attributes_of(0)[2]:
        pytest.skip("this kernel has no slices (Linux 6.12 has)")
    server = start_server(faulty=True)
    server.initialize()
    server.wait_until_ready()
    server.start_call("scan", seconds=20)
    rows = server.wait_for_status(lambda status: status["pool"]["busy"] == 1)["workers"]
    [busy] = [row["pid"] for row in rows if row["tool"] == "scan"]
    others = {row["pid"] for row in rows} - {busy}
    assert attributes_of(busy)[2] == SCANNING_S
    assert {attributes_of(pid)[2] for pid in others} == {ANSWERING_S}
    threads = [int(task.name) for task in Path(f"/proc/{server.pid}/task").iterdir()]
    assert {attributes_of(thread)[2] for thread in threads} == {ANSWERING_S}


def test_every_thread_of_the_front_end_is_confined(serving: Any) -> None:
    for facts in threads_of(serving.pid):
        assert facts["NoNewPrivs"] == "1"
        assert facts["Seccomp"] == "2"
        assert int(facts["CapEff"], 16) == 0
        assert "0" not in facts["Uid"].split()


def test_workers_live_in_namespaces_of_their_own(serving: Any, workers: list[int]) -> None:
    """All six, by their numbers; whoever may not look a worker in the eye sees three of them by what they show."""
    assert serving.status()["sandbox"]["level"] == "full"
    for pid in workers:
        if os.geteuid() == 0:
            for name in NAMESPACES:
                assert os.readlink(f"/proc/{pid}/ns/{name}") != os.readlink(f"/proc/{serving.pid}/ns/{name}"), name
            continue
        with pytest.raises(PermissionError):  # not dumpable: not even its own user may
            os.readlink(f"/proc/{pid}/ns/user")
        assert len(facts_of(Path(f"/proc/{pid}"))["NSpid"].split()) == 2
        uid, _, count = Path(f"/proc/{pid}/uid_map").read_text().split()
        assert (int(uid), int(count)) == (os.geteuid(), 1)
        interfaces = Path(f"/proc/{pid}/net/dev").read_text().splitlines()[2:]
        assert [line.split(":")[0].strip() for line in interfaces] == ["lo"]


def test_a_worker_s_file_system_holds_the_roots_and_the_endpoints_and_nothing_else(
    workers: list[int], tree: Path
) -> None:
    for pid in workers:
        root = Path(f"/proc/{pid}/root")
        if os.geteuid() != 0:
            with pytest.raises(PermissionError):
                os.listdir(root)
            continue
        assert sorted(os.listdir(root)) == ["endpoints", "root0"]
        assert sorted(os.listdir(root / "root0")) == sorted(os.listdir(tree))
        assert os.listdir(root / "endpoints") == []  # each was unlinked after its hello
        mounts = [line.split()[4:6] for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines()]
        assert sorted(place for place, _ in mounts) == ["/", "/endpoints", "/root0"]
        for _place, options in mounts:
            assert {"ro", "nosuid", "nodev", "noexec"} <= set(options.split(",")), mounts
