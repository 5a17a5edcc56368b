"""The writing tools of a real server, in its confined workers."""

import contextlib
import hashlib
import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.drivers.results import code, data

pytestmark = pytest.mark.integration

Json = dict[str, Any]
WRITING = (
    "write_file",
    "edit_file",
    "create_directory",
    "move_file",
    "copy_file",
    "delete_file",
    "restore_deleted",
    "list_changes",
    "undo_change",
)
LANES = 4
"""Front-ends that are killed at a time."""
FEW, MANY = 30, 200
IN_FLIGHT = 12


@pytest.fixture
def writer(owned: Path, start_server: Callable[..., Any]) -> Any:
    server = start_server("--allow-write")
    server.initialize()
    return server


def drafts(tree: Path) -> list[Path]:
    return [path for path in tree.rglob("*") if path.name.startswith(".filewarden-draft-")]


def test_the_tools_are_there_where_a_root_is_writable_and_nowhere_else(writer: Any, server: Any) -> None:
    offered = {tool["name"]: tool for tool in writer.request("tools/list")["result"]["tools"]}
    assert tuple(offered)[-len(WRITING) :] == WRITING
    looks = {name for name in WRITING if offered[name]["annotations"]["readOnlyHint"]}
    assert looks == {"list_changes"}
    assert not offered["create_directory"]["annotations"]["destructiveHint"]
    assert all(offered[name]["annotations"]["destructiveHint"] for name in ("write_file", "edit_file", "delete_file"))
    readable = {tool["name"] for tool in server.request("tools/list")["result"]["tools"]}
    assert not readable.intersection(WRITING)
    assert "error" in server.answer(server.start_call("write_file", path="x", content="y"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has files of other accounts")
def test_a_file_of_another_account_is_described_by_its_rights(writer: Any, owned: Path) -> None:
    foreign = owned / "foreign.txt"
    foreign.write_text("x")
    for mode, is_writable in ((0o644, False), (0o646, True), (0o600, False)):
        foreign.chmod(mode)
        told = data(writer.call("get_file_info", path="foreign.txt"))
        assert (told["mode"], told["readable"], told["writable"]) == (f"{mode:04o}", mode != 0o600, is_writable)


def test_a_tour_of_all_tools(writer: Any, owned: Path) -> None:
    text = "one\r\ntwo\nöäü\n"
    written = data(writer.call("write_file", path="new/deep/a.txt", content=text, create_parents=True))
    place = owned / "new" / "deep" / "a.txt"
    assert place.read_bytes() == text.encode()
    assert written == {
        "path": "new/deep/a.txt",
        "created": True,
        "size": len(text.encode()),
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
    }
    assert code(writer.call("write_file", path="new/deep/a.txt", content="x")) == "already_exists"
    edit = {"path": "new/deep/a.txt", "edits": [{"oldText": "one\ntwo", "newText": "1\n2"}]}
    shown = data(writer.call("edit_file", **edit, dryRun=True))
    assert "-one" in shown["diff"]
    assert place.read_bytes() == text.encode()
    edited = data(writer.call("edit_file", **edit, expected_sha256=written["sha256"]))
    assert place.read_bytes() == "1\r\n2\nöäü\n".encode()
    assert edited["sha256"] == shown["sha256"] == hashlib.sha256(place.read_bytes()).hexdigest()
    assert data(writer.call("create_directory", path="made/here"))["created"] == ["made", "made/here"]
    assert (
        data(writer.call("copy_file", source="new/deep/a.txt", destination="made/here/b.txt"))["size"] == edited["size"]
    )
    assert data(writer.call("move_file", source="made", destination="moved"))["type"] == "directory"
    assert (owned / "moved" / "here" / "b.txt").read_bytes() == place.read_bytes()
    deleted = data(writer.call("delete_file", path="moved", recursive=True))
    assert (deleted["files"], deleted["folders"]) == (1, 1)
    assert not (owned / "moved").exists()
    listed = data(writer.call("list_directory", show_hidden=True))
    assert not any("filewarden" in entry["name"] for entry in listed["entries"])
    assert data(writer.call("restore_deleted", trash_id=deleted["trash_id"])) == {"path": "moved"}
    assert data(writer.call("delete_file", path="moved", recursive=True, permanent=True))["trash_id"] is None
    assert not (owned / "moved").exists()
    assert drafts(owned) == []


def test_the_trash_is_listed_in_pages_and_emptied_by_its_bounds(start_server: Callable[..., Any], owned: Path) -> None:
    server = start_server("--allow-write", FILEWARDEN_LIMITS_MAX_ANSWER_CHARS="1000")
    server.initialize()
    deleted = []
    for number in range(12):
        data(server.call("write_file", path=f"f{number}", content="x"))
        deleted.append(data(server.call("delete_file", path=f"f{number}"))["trash_id"])
    first = data(server.call("restore_deleted"))
    rest = data(server.call("restore_deleted", cursor=first["next_cursor"]))
    assert first["truncated"]
    assert not rest["truncated"]
    listed = [*first["deletions"], *rest["deletions"]]
    assert {each["trash_id"] for each in listed} == set(deleted)
    assert {each["path"] for each in listed} == {f"f{number}" for number in range(12)}
    assert data(server.call("restore_deleted", trash_id=deleted[0])) == {"path": "f0"}
    assert server.finish() == 0
    trash = owned / ".filewarden-trash"
    small = start_server("--allow-write", FILEWARDEN_WRITES_TRASH_MAX_BYTES="1", FILEWARDEN_WRITES_TRASH_MIN_AGE_S="0")
    small.initialize()
    give_up_at = time.monotonic() + 30
    while len(list(trash.iterdir())) > 1:
        assert time.monotonic() < give_up_at, "the trash is not emptied"
        data(small.call("list_changes"))  # what has to go goes after a call
    assert len(data(small.call("restore_deleted"))["deletions"]) == 1


def test_a_question_comes_before_the_change(start_server: Callable[..., Any], owned: Path) -> None:
    server = start_server("--allow-write", FILEWARDEN_WRITES_CONFIRM="destructive")
    server.initialize()
    assert data(server.call("write_file", path="new.txt", content="x"))["created"]
    refused = server.call("delete_file", path="new.txt")
    assert code(refused) == "confirmation_required"
    assert (owned / "new.txt").exists()
    token = refused["structuredContent"]["error"]["confirmation_token"]
    assert data(server.call("delete_file", path="new.txt", confirmation_token=token))["trash_id"]
    assert not (owned / "new.txt").exists()


def test_settings_reach_the_workers(start_server: Callable[..., Any], owned: Path) -> None:
    open_server = start_server("--allow-write", FILEWARDEN_WRITES_PROTECT="off", FILEWARDEN_WRITES_MAX_FILE_BYTES="10")
    open_server.initialize()
    assert data(open_server.call("write_file", path=".envrc", content="x"))["created"]
    edits = [{"old_text": "Some", "new_text": "Any"}]
    assert code(open_server.call("edit_file", path="notes.txt", edits=edits)) == "too_large"
    strict = start_server("--allow-write", FILEWARDEN_WRITES_MIN_FREE_BYTES="1000000000000")
    strict.initialize()
    assert code(strict.call("write_file", path=".envrc", content="x", overwrite=True)) == "access_denied"
    full = strict.call("write_file", path="new.txt", content="x")
    assert (code(full), full["structuredContent"]["error"]["errno"]) == ("io_error", "ENOSPC")
    assert not (owned / "new.txt").exists()


def test_a_root_that_is_read_only_beside_one_that_is_not(
    start_server: Callable[..., Any], owned: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir(mode=0o755)
    (other / "a.txt").write_text("a")
    config = tmp_path / "config.toml"
    config.write_text(
        f'[[roots]]\npath = "{owned}"\nname = "rw"\nmode = "rw"\n[[roots]]\npath = "{other}"\nname = "ro"\n'
    )
    server = start_server("--config", str(config), roots=())
    server.initialize()
    assert code(server.call("write_file", path="ro/new.txt", content="x")) == "read_only"
    assert code(server.call("move_file", source="ro/a.txt", destination="rw/a.txt")) == "read_only"
    assert code(server.call("move_file", source="rw/notes.txt", destination="ro/b.txt")) == "read_only"
    assert data(server.call("copy_file", source="ro/a.txt", destination="rw/a.txt"))["size"] == 1
    assert [path.name for path in other.iterdir()] == ["a.txt"]


def test_two_writable_roots_are_told_apart(start_server: Callable[..., Any], owned: Path, tmp_path: Path) -> None:
    """Roots are mounted apart in a worker, so that no rename goes from one to the other."""
    server = start_server("--allow-write", roots=(str(owned / "src"), str(owned / "data")))
    server.initialize()
    moved = server.call("move_file", source="src/main.py", destination="data/main.py")
    if moved.get("isError"):  # where a worker has no mounts of its own, one file system is one
        assert code(moved) == "unsupported"
        assert (owned / "src" / "main.py").exists()
        assert not (owned / "data" / "main.py").exists()
    else:
        assert (owned / "data" / "main.py").exists()
        assert not (owned / "src" / "main.py").exists()


# -- killed at any moment


def writing_workers(server: Any) -> list[int]:
    rows = server.status()["workers"]
    return [row["pid"] for row in rows if row.get("pool") == "read-write" and row.get("pid")]


@contextlib.contextmanager
def killing(server: Any, moments: random.Random, kills: list[int], most: int) -> Iterator[None]:
    """Kill the writing worker again and again, at random moments, until left."""
    is_over = threading.Event()

    def work() -> None:
        while not is_over.is_set() and len(kills) < most:
            is_over.wait(moments.uniform(0.002, 0.03))
            for child in psutil.Process(server.pid).children(recursive=True):
                with contextlib.suppress(psutil.Error, ProcessLookupError):
                    if child.pid in targets(server):
                        os.kill(child.pid, signal.SIGKILL)
                        kills.append(child.pid)

    def targets(server: Any) -> list[int]:
        with contextlib.suppress(OSError):
            return writing_workers(server)
        return []

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


@pytest.mark.parametrize(
    "most",
    [
        pytest.param(FEW, id="few"),
        pytest.param(MANY, id="many", marks=pytest.mark.slow),
    ],
)
@pytest.mark.timeout(300)
def test_a_worker_killed_at_any_moment_leaves_the_old_or_the_new(writer: Any, owned: Path, most: int) -> None:
    size = 300_000
    versions = {number: (f"version {number:06}\n" * size)[:size] for number in range(2)}
    files = {"a.txt": 0, "deep/b.txt": 0}
    for name in files:
        data(writer.call("write_file", path=name, content=versions[0], create_parents=True))
    kills: list[int] = []
    moments = random.Random(6)
    give_up_at = time.monotonic() + 240
    with killing(writer, moments, kills, most):
        turn = 0
        while len(kills) < most and time.monotonic() < give_up_at:
            turn += 1
            name = moments.choice(list(files))
            path, old = owned / name, files[name]
            new = 1 - old
            if turn % 2:
                result = writer.call("write_file", path=name, content=versions[new], overwrite=True)
            else:
                edits = [{"old_text": f"version {old:06}", "new_text": f"version {new:06}", "replace_all": True}]
                result = writer.call("edit_file", path=name, edits=edits)
            found = path.read_text()
            assert found in (versions[old], versions[new]), "a mix"
            if not result.get("isError"):
                assert found == versions[new]
            elif code(result) != "conflict":
                outcome = result["structuredContent"]["error"]["outcome"]
                told = {"changed": [versions[new]], "unchanged": [versions[old]], "unknown": versions.values()}
                assert found in told[outcome], f"{outcome}, it was said"
            files[name] = int(found == versions[1])
    assert len(kills) >= most, f"only {len(kills)} were killed"
    assert json.dumps(sorted(files)) == json.dumps(sorted(["a.txt", "deep/b.txt"]))
    writer.call("write_file", path="last.txt", content="")  # the last kill may not have been noticed yet
    for name in files:  # a worker sweeps when it starts, and every folder that it writes to
        data(writer.call("write_file", path=name, content="end", overwrite=True))
    assert drafts(owned) == []


@pytest.mark.parametrize("most", [pytest.param(10, id="few"), pytest.param(MANY, id="many", marks=pytest.mark.slow)])
@pytest.mark.timeout(300)
def test_of_changes_in_flight_when_their_worker_is_killed_each_is_made_once_or_told_that_it_was_not(
    writer: Any, owned: Path, most: int
) -> None:
    """Each adds a line of its own to the file of its lane."""
    lines = {f"{lane}.txt": "begin\n" for lane in range(IN_FLIGHT)}
    for name, line in lines.items():
        data(writer.call("write_file", path=name, content=line))
    kills: list[int] = []
    under_way: dict[int, tuple[str, str]] = {}
    made, give_up_at = 0, time.monotonic() + 240
    with killing(writer, random.Random(7), kills, most):
        while under_way or (len(kills) < most and time.monotonic() < give_up_at):
            if len(kills) < most:
                for name in lines.keys() - {name for name, _ in under_way.values()}:
                    line = f"{len(lines[name])}\n"
                    call = writer.start_call("write_file", path=name, content=line, append=True)
                    under_way[call] = (name, line)
            answer = writer.receive()
            if "id" not in answer:  # that a worker is gone
                continue
            name, line = under_way.pop(answer["id"])
            found, old = (owned / name).read_text(), lines[name]
            assert found in (old, old + line), "made twice, or never told"
            made += found != old
            if answer["result"].get("isError"):
                outcome = answer["result"]["structuredContent"]["error"].get("outcome", "unchanged")
                assert found in {"changed": (old + line,), "unchanged": (old,), "unknown": (old, old + line)}[outcome]
            else:
                assert found == old + line
            lines[name] = found
    assert len(kills) >= most, f"only {len(kills)} were killed"
    assert made > most
    assert drafts(owned) == []


@pytest.mark.parametrize("kills", [pytest.param(1, id="few"), pytest.param(50, id="many", marks=pytest.mark.slow)])
@pytest.mark.timeout(300)
def test_a_front_end_killed_at_any_moment_leaves_the_old_or_the_new(
    owned: Path, start_server: Callable[..., Any], all_gone: Callable[[set[int], float], bool], kills: int
) -> None:
    """Its workers die with it, in the middle of what they do; several servers at a time change one root."""
    versions = {number: (f"version {number:06}\n" * 300_000)[:300_000] for number in range(2)}
    small = {f"FILEWARDEN_POOL_{name}": value for name, value in (("WORKERS", "1"), ("SCAN_WORKERS", "0"))}

    def work(lane: int) -> None:
        path, moments = owned / f"{lane}.txt", random.Random(lane)
        for number in range(kills):
            server = start_server("--allow-write", FILEWARDEN_POOL_SPARES="0", **small)
            server.initialize()
            data(server.call("write_file", path=path.name, content=versions[number % 2], overwrite=True))
            workers = {child.pid for child in psutil.Process(server.pid).children(recursive=True)}
            server.start_call("write_file", path=path.name, content=versions[1 - number % 2], overwrite=True)
            threading.Event().wait(moments.uniform(0, 0.02))
            server.kill()
            assert all_gone(workers, 10.0)
            assert path.read_text() in versions.values(), "a mix"

    with ThreadPoolExecutor(LANES) as lanes:
        for done in [lanes.submit(work, lane) for lane in range(LANES)]:
            done.result()
    last = start_server("--allow-write")
    last.initialize()
    data(last.call("write_file", path="a.txt", content="end", overwrite=True))
    assert drafts(owned) == []
