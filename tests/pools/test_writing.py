"""The read-write pool beside the read-only one: who may change a file is for the kernel to say."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

BUILD = (str(Path(__file__).parent / "build" / "server.py"),)
KERNEL_REFUSES = {"EROFS", "EACCES"}

pytestmark = pytest.mark.integration

Start = Callable[..., Any]


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A second folder, which everybody may write to but for the settings."""
    folder = tmp_path / "other"
    folder.mkdir()
    folder.chmod(0o777)
    return folder


@pytest.fixture
def config(tree: Path, other: Path, tmp_path: Path) -> str:
    tree.chmod(0o777)
    file = tmp_path / "config.toml"
    file.write_text(
        f'[[roots]]\npath = "{tree}"\nname = "open"\nmode = "rw"\n[[roots]]\npath = "{other}"\nname = "closed"\n'
    )
    file.chmod(0o600)
    return str(file)


@pytest.fixture
def server(start_server: Start, config: str) -> Any:
    server = start_server("--config", config, program=BUILD, roots=(), FILEWARDEN_POOL_WORKERS="2")
    server.initialize()
    return server


def outcome(server: Any, tool: str, path: str) -> str:
    result = server.call(tool, path=path)
    assert not result.get("isError"), result
    text: str = result["structuredContent"]["outcome"]
    return text


def test_only_the_writing_pool_writes_and_only_where_a_root_allows_it(server: Any, tree: Path, other: Path) -> None:
    assert outcome(server, "create", "open/new.txt") == "ok"
    assert (tree / "new.txt").read_text() == "written"
    assert outcome(server, "create", "closed/new.txt") in KERNEL_REFUSES
    assert outcome(server, "create_while_reading", "open/other.txt") in KERNEL_REFUSES
    assert outcome(server, "create_while_reading", "closed/other.txt") in KERNEL_REFUSES
    assert not list(other.iterdir())
    assert not (tree / "other.txt").exists()


def rows(server: Any) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for row in server.wait_until_ready()["workers"]:
        found.setdefault(row["pool"], []).append(row)
    return found


def test_each_pool_has_workers_of_its_own_and_confined_ones(server: Any) -> None:
    server.wait_until_ready()
    server.call("rest_while_writing")
    reading, writing = rows(server)["read-only"], rows(server)["read-write"]
    assert [row["calls_total"] for row in reading] == [0, 0]
    assert [row["calls_total"] for row in writing] == [1]
    facts = (Path("/proc") / str(writing[0]["pid"]) / "status").read_text()
    for fact in ("NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000000"):
        assert fact in facts
    if os.geteuid() != 0:  # nobody else may look a worker in the eye
        with pytest.raises(PermissionError):
            os.readlink(f"/proc/{writing[0]['pid']}/ns/user")
        return
    for name in ("user", "pid", "mnt", "net", "ipc", "uts"):
        here, reader, writer = (
            os.readlink(f"/proc/{pid}/ns/{name}") for pid in ("self", reading[0]["pid"], writing[0]["pid"])
        )
        assert len({here, reader, writer}) == 3, name


def test_a_write_does_not_wait_for_reads(server: Any) -> None:
    server.wait_until_ready()
    reads = [server.start_call("rest", seconds=60) for _ in range(4)]  # two workers: two of them wait
    server.wait_for_status(lambda status: status["queue"]["depth"] == 2)
    assert outcome(server, "create", "open/meanwhile.txt") == "ok"
    for read in reads:
        server.notify("notifications/cancelled", {"requestId": read})


def test_a_killed_writer_is_replaced_and_the_outcome_is_called_unknown(
    start_server: Start, config: str, environ: dict[str, str]
) -> None:
    server = start_server("--config", config, program=BUILD, roots=(), FILEWARDEN_DEADLINES_WRITE_S="1")
    server.initialize()
    server.wait_until_ready()
    result = server.call("rest_while_writing", seconds=60)
    error = result["structuredContent"]["error"]
    assert (error["code"], error["outcome"]) == ("timeout", "unknown")
    assert "look at it before another try" in error["message"]
    assert [row["last_exit"] for row in server.wait_until_ready()["workers"]].count("deadline") == 1
    assert outcome(server, "create", "open/after.txt") == "ok"


def test_without_a_writable_root_there_is_one_pool_and_no_writing_tool(start_server: Start) -> None:
    server = start_server(program=BUILD)
    server.initialize()
    assert {row.get("pool") for row in server.wait_until_ready()["workers"]} == {None}
    names = {tool["name"] for tool in server.request("tools/list")["result"]["tools"]}
    assert "rest" in names
    assert not names & {"create", "rest_while_writing"}
