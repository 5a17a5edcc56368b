"""The audit log of a real server: one line for each call, on every transport, and what clients see when it fails."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.drivers.ownership import own
from tests.drivers.process import PRODUCT
from tests.drivers.stdio import StdioServer
from tests.workers.own_mounts import mount, with_own_mounts

pytestmark = pytest.mark.integration

Json = dict[str, Any]
START = Callable[..., Any]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the log is to be: the server may have been started as root, and serves as somebody else."""
    folder = tmp_path / "logs"
    folder.mkdir(mode=0o700)
    return folder / "audit.jsonl"


def calls(*files: Path) -> list[Json]:
    entries = [json.loads(line) for file in files for line in file.read_bytes().splitlines()]
    return [entry for entry in entries if "call" in entry]


def verify(*files: Path, last: str | None = None) -> Json:
    """What the command says; its exit status must agree."""
    options = [] if last is None else ["--last", last]
    command = [sys.executable, *PRODUCT, "audit", "verify", "--json", *map(str, files), *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=30, check=False)
    document: Json = json.loads(done.stdout)
    assert done.returncode == (0 if document["ok"] else 1)
    return document


SMALL_DISK = (
    "-c",
    "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1500, resource.getrlimit(resource.RLIMIT_FSIZE)[1]));"
    + PRODUCT[1],
)
"""A server whose files cannot grow beyond 1500 bytes: to it the disk is full (setrlimit(2)), until another is begun."""


def call_until(server: Any, path: Path) -> int:
    """Call until there is such a file; how often."""
    give_up_at, made = time.monotonic() + 20, 0
    while not path.exists():
        assert time.monotonic() < give_up_at
        server.call("get_file_info", path=".")
        made += 1
    return made


def test_every_call_on_stdio_is_one_line(start_server: START, file: Path) -> None:
    server = start_server(FILEWARDEN_AUDIT_FILE=str(file))
    server.initialize()
    server.call("read_file", path="README.md")
    server.call("read_file", path="../../etc/passwd")
    server.call("read_multiple_files", paths=["notes.txt", "no\u202ename"])
    server.call("search_files", pattern="*.py")
    server.call("list_directory", path=".", cursor="forged")
    server.request("resources/read", {"uri": "file:///none"})
    server.request("resources/list", {})
    server.call("read_file", pathh="secret text")
    for name, arguments in (("write_file", {"path": "x"}), ("no\u202etool" + "x" * 10_000, {}), ("read_file", [])):
        server.request("tools/call", {"name": name, "arguments": arguments})
    status = server.control_status()
    assert server.finish() == 0
    found = calls(file)
    assert [(entry["tool"], entry["outcome"]) for entry in found] == [
        ("read_file", "ok"),
        ("read_file", "access_denied"),
        ("read_multiple_files", "ok"),
        ("search_files", "ok"),
        ("list_directory", "invalid_argument"),
        ("resources/read", found[5]["outcome"]),
        ("resources/list", "ok"),
        ("read_file", "invalid_argument"),
        ("write_file", "invalid_argument"),
        (found[9]["tool"], "invalid_argument"),
        ("read_file", "invalid_argument"),
    ]
    assert found[9]["tool"].startswith("no?toolx")
    assert len(found[9]["tool"]) < 200
    assert not any("paths" in entry for entry in found[7:])
    assert found[5]["outcome"] != "ok"
    assert [entry.get("paths") for entry in found[:3]] == [
        ["README.md"],
        ["../../etc/passwd"],
        ["notes.txt", "no\\xE2\\x80\\xAEname"],
    ]
    assert found[5]["paths"] == ["file:///none"]
    assert (found[0]["bytes"], found[0]["worker"][:-1]) == (len("# My Project\n\nA cool project.\n"), "read-only/")
    assert {(entry["principal"], entry["client"]) for entry in found} == {("local", "stdio")}
    assert (status["audit"]["state"], status["audit"]["lost_total"]) == ("ok", 0)
    document = verify(file, last=status["audit"]["last"])
    assert (document["ok"], document["open_servers"]) == (True, [])
    assert file.stat().st_mode & 0o777 == 0o600


def test_every_call_over_http_is_one_line_without_a_secret(start_http: START, file: Path, modern_body: START) -> None:
    server = start_http(FILEWARDEN_AUDIT_FILE=str(file))
    session = server.open_session()
    body = {"name": "read_file", "arguments": {"path": "src/main.py"}}
    message = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": body}
    assert server.post(message, mcp_session_id=session).status == 200
    assert server.modern("tools/call", body).status == 200
    server.wait_for_status(lambda status: status["audit"]["lines_total"] == 3)
    server.kill()
    found = calls(file)
    assert [(entry["tool"], entry["outcome"], entry["paths"]) for entry in found] == 2 * [
        ("read_file", "ok", ["src/main.py"])
    ]
    assert [entry["client"].partition("-")[0] for entry in found] == ["http", "tcp"]
    text = file.read_text()
    for secret in (server.token, session, "print('hello')"):
        assert secret not in text
    assert verify(file)["ok"]


def test_whatever_way_a_call_ends_it_is_a_line(start_server: START, tree: Path, file: Path) -> None:
    own(tree)
    server = start_server(
        "--allow-write",
        faulty=True,
        FILEWARDEN_AUDIT_FILE=str(file),
        FILEWARDEN_DEADLINES_READ_S="1.5",
        FILEWARDEN_POOL_WORKER_MEMORY_MB="128",  # so that eating it takes less than that
        FILEWARDEN_WRITES_CONFIRM="destructive",
        FILEWARDEN_WRITES_MAX_FILES_PER_MINUTE="1",
    )
    server.initialize()
    hung = server.start_call("sleep", seconds=30)
    server.notify("notifications/cancelled", {"requestId": hung})
    server.call("sleep", seconds=30)
    server.call("die", number=int(signal.SIGSEGV))
    server.call("eat", megabytes=10_000)
    server.call("delete_file", path="notes.txt")
    server.call("delete_file", path="notes.txt", confirmation_token="forged")
    server.call("write_file", path="new.txt", content="x")
    server.call("write_file", path="more.txt", content="x")
    server.finish()
    ends = ["cancelled", "timeout", "worker_crashed", "memory_limit"]
    changes = ["asked", "invalid_argument", "ok", "overloaded"]
    assert [entry["outcome"] for entry in calls(file)] == ends + changes
    assert verify(file)["ok"]


def test_a_confined_server_puts_full_files_aside(start_server: START, file: Path) -> None:
    server = start_server(FILEWARDEN_AUDIT_FILE=str(file), FILEWARDEN_AUDIT_MAX_BYTES="4096", FILEWARDEN_AUDIT_KEEP="2")
    server.initialize()
    made = call_until(server, file.with_name(f"{file.name}.2"))
    server.finish()
    files = [file.with_name(f"{file.name}.2"), file.with_name(f"{file.name}.1"), file]
    assert sorted(file.parent.iterdir()) == sorted(files)
    assert verify(*files)["ok"]
    numbers = [entry["call"] for entry in calls(*files)]
    assert numbers == list(range(numbers[0], made + 1))


def test_two_servers_and_one_that_was_killed_share_a_chain(start_server: START, file: Path) -> None:
    settings = {"FILEWARDEN_AUDIT_FILE": str(file), "FILEWARDEN_AUDIT_MAX_BYTES": "0"}
    one, two = start_server(**settings), start_server(**settings)
    for server in (one, two):
        server.initialize()
    pending = [server.start_call("get_file_info", path=".") for _ in range(20) for server in (one, two)]
    for place, request in enumerate(pending):
        (one, two)[place % 2].answer(request)
    one.wait_for_status(lambda status: status["audit"]["lines_total"] == 21)  # it writes at least every 10 ms
    one.process.send_signal(signal.SIGKILL)
    one.process.wait(20)
    assert two.finish() == 0
    three = start_server(**settings)
    three.initialize()
    three.call("get_file_info", path=".")
    three.finish()
    document = verify(file)
    assert (document["ok"], len(document["open_servers"])) == (True, 1)
    assert len(calls(file)) == 41


def test_a_full_disk_ends_all_service_until_there_is_room(start_server: START, file: Path) -> None:
    server = start_server(program=SMALL_DISK, FILEWARDEN_AUDIT_FILE=str(file))
    server.initialize()
    answers = [server.call("read_file", path="notes.txt")]
    while not answers[-1].get("isError"):
        server.wait_for_status(
            lambda status: status["audit"]["lines_total"] > len(answers) or status["audit"]["reason"]
        )
        answers.append(server.call("read_file", path="notes.txt"))
    error = answers[-1]["structuredContent"]["error"]
    assert (error["code"], "audit log" in error["message"]) == ("io_error", True)
    assert str(file.parent) not in error["message"]
    status = server.control_status()
    assert (status["status"], status["audit"]["state"], status["audit"]["on_error"]) == (
        "degraded",
        "degraded",
        "refuse",
    )
    server.wait_for_error("the audit log cannot be written")
    aside = file.rename(file.with_name("aside"))
    assert verify(aside)["ok"], "no torn line"
    server.wait_for_status(lambda status: status["audit"]["state"] == "ok" and status["status"] == "ok")
    assert server.call("read_file", path="notes.txt")["content"][0]["text"] == "Some notes here.\n"
    server.finish()
    assert [entry["outcome"] for entry in calls(aside, file)] == [
        *("io_error" if answer.get("isError") else "ok" for answer in answers),
        "ok",
    ]
    assert verify(aside, file)["ok"]


def test_a_full_disk_ends_nothing_where_the_operator_wants_it_so(start_server: START, file: Path) -> None:
    server = start_server(program=SMALL_DISK, FILEWARDEN_AUDIT_FILE=str(file), FILEWARDEN_AUDIT_ON_ERROR="continue")
    server.initialize()
    for _ in range(10):
        assert server.call("read_file", path="notes.txt")["content"][0]["text"] == "Some notes here.\n"
    status = server.wait_for_status(lambda status: status["audit"]["state"] != "ok")
    assert (status["status"], status["audit"]["state"]) == ("degraded", "degraded")


def fill(folder: Path) -> Path:
    """Take all the room that a file system has; the file that takes it."""
    filler = folder / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as stream:
        while True:
            stream.write(b"x" * 512)
    return filler


@pytest.mark.parametrize("on_error", ["refuse", "continue"])
def test_d09_a_small_file_system_that_is_really_full(
    tree: Path, environ: dict[str, str], tmp_path: Path, on_error: str
) -> None:
    """The same on a file system that has no room left, until somebody makes some: no line is torn, and none is lost."""
    folder = tmp_path / "small"
    folder.mkdir()
    file = folder / "audit.jsonl"

    def act() -> None:
        given = {"FILEWARDEN_AUDIT_FILE": str(file), "FILEWARDEN_AUDIT_ON_ERROR": on_error}
        server = StdioServer([str(tree)], {**environ, **given}, PRODUCT)
        try:
            server.initialize()
            filler = fill(folder)
            give_up_at = time.monotonic() + 20
            outcomes = []
            while (audit := server.control_status()["audit"])["state"] == "ok":
                assert time.monotonic() < give_up_at
                outcomes.append(server.call("get_file_info", path=".").get("isError", False))
            assert (audit["reason"], audit["on_error"]) == ("No space left on device", on_error)
            assert server.control_status()["status"] == "degraded"
            outcomes.append(server.call("get_file_info", path=".").get("isError", False))
            assert outcomes[-1] is (on_error == "refuse")
            assert verify(file)["ok"], "no torn line"
            filler.unlink()
            server.wait_for_status(lambda status: status["audit"]["state"] == "ok" and status["status"] == "ok")
            assert not server.call("get_file_info", path=".").get("isError")
            assert server.finish() == 0
            assert len(calls(file)) == len(outcomes) + 1
            assert verify(file)["ok"]
        finally:
            server.kill()

    with_own_mounts(lambda: mount("tmpfs", folder, kind="tmpfs", options="size=16k,mode=700"), act)


def test_no_client_reaches_the_log_in_a_root_however_often_it_is_put_aside(start_server: START, tree: Path) -> None:
    folder = tree / "logs"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    server = start_server(
        FILEWARDEN_AUDIT_FILE=str(folder / "audit.jsonl"),
        FILEWARDEN_AUDIT_MAX_BYTES="4096",
        FILEWARDEN_AUDIT_KEEP="3",
    )
    server.initialize()
    call_until(server, folder / "audit.jsonl.2")
    for name in ("audit.jsonl", "audit.jsonl.1"):  # while it is put aside it is between two names
        call_until(server, folder / name)
    for path in folder.iterdir():
        path.chmod(0o644)  # so that nothing but the rule is in the way
        error = server.call("read_file", path=f"logs/{path.name}")["structuredContent"]["error"]
        assert error["code"] == "access_denied"
    seen = [server.call("list_directory", path="logs"), server.call("search_files", pattern="*audit*")]
    assert all("audit.jsonl" not in json.dumps(each).replace("*audit*", "") for each in seen)


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_log_that_is_no_file_keeps_the_server_from_starting(kind: str, start_server: START, file: Path) -> None:
    victim = file.parent / "victim"
    victim.write_text("")
    if kind == "link":
        file.symlink_to(victim)
    else:
        os.mkfifo(file)
    server = start_server(FILEWARDEN_AUDIT_FILE=str(file))
    assert server.process.wait(20) == 2
    server.wait_for_error("audit.file: cannot be written: it is")
    assert victim.read_text() == ""


@pytest.mark.parametrize("kind", ["removed", "link"])
def test_a_log_that_is_taken_away_while_the_server_runs(kind: str, start_server: START, file: Path) -> None:
    server = start_server(FILEWARDEN_AUDIT_FILE=str(file))
    server.initialize()
    server.call("get_file_info", path=".")
    file.unlink()
    if kind == "removed":
        call_until(server, file)
        assert server.control_status()["audit"]["state"] == "ok"
    else:
        victim = file.parent / "victim"
        victim.write_text("not ours")
        file.symlink_to(victim)
        while "error" not in (answer := server.call("get_file_info", path="."))["structuredContent"]:
            pass
        assert answer["structuredContent"]["error"]["code"] == "io_error"
        assert victim.read_text() == "not ours"
        file.unlink()
        server.wait_for_status(lambda status: status["audit"]["state"] == "ok")
    server.finish()
    assert json.loads(file.read_bytes().splitlines()[0])["event"] == "continue"
    assert verify(file)["ok"]


def test_the_server_s_log_tells_of_the_same_calls_by_the_same_numbers(start_server: START, file: Path) -> None:
    log = file.with_name("log")
    server = start_server(
        FILEWARDEN_AUDIT_FILE=str(file),
        FILEWARDEN_LOG_FILE=str(log),
        FILEWARDEN_LOG_FORMAT="json",
        FILEWARDEN_LOG_CALLS="yes",
    )
    server.initialize()
    server.call("read_file", path="README.md")
    server.call("read_file", path="not/there")
    server.call("read_file", path=7)
    assert server.finish() == 0
    told = [line for line in map(json.loads, log.read_bytes().splitlines()) if line["message"] == "call"]
    names = ("server", "call", "tool", "outcome", "principal", "client", "worker", "bytes")
    assert [[line.get(name, 0) for name in names] for line in told] == [
        [entry.get(name, 0) for name in names] for entry in calls(file)
    ]
    assert [line["outcome"] for line in told] == ["ok", "not_found", "invalid_argument"]
    assert "README" not in log.read_text()
