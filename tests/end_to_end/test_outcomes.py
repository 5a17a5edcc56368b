"""Changes whose worker is ended: the server finds out what became of them before it answers, and tries none again."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration

Json = dict[str, Any]
OLD, NEW = "old\n", "new\n"
WAYS = {
    "create": ("write_file", {"path": "made.txt", "content": NEW}),
    "overwrite": ("write_file", {"path": "kept.txt", "content": NEW, "overwrite": True}),
    "edit": ("edit_file", {"path": "kept.txt", "edits": [{"old_text": "old", "new_text": "new"}]}),
    "move": ("move_file", {"source": "kept.txt", "destination": "made.txt"}),
    "delete": ("delete_file", {"path": "kept.txt"}),
    "folder": ("create_directory", {"path": "made"}),
}
UNCHANGED = ("before anything is kept", "kept, not announced", "announced")
CHANGED = ("made", "told as made")
ENDS = {"timeout": 0, "frozen": signal.SIGSTOP, "killed": signal.SIGKILL}


@pytest.fixture
def server(owned: Path, start_server: Callable[..., Any]) -> Any:
    server = start_server("--allow-write", faulty=True, FILEWARDEN_DEADLINES_WRITE_S="1.5")
    server.initialize()
    server.wait_until_ready()
    return server


def look(root: Path) -> dict[str, str]:
    """Every file and folder that clients can see, with contents."""
    return {
        str(path.relative_to(root)): path.read_text() if path.is_file() else ""
        for path in root.rglob("*")
        if not any(part.startswith(".filewarden-") for part in path.relative_to(root).parts)
    }


def stall(server: Any, way: str, at: str, end: str) -> Json:
    tool, arguments = WAYS[way]
    result = server.call("stall", tool=tool, arguments=arguments, at=at, by=int(ENDS[end]))
    assert result["isError"]
    error: Json = result["structuredContent"]["error"]
    assert error["code"] == ("worker_crashed" if end == "killed" else "timeout")
    return error


@pytest.mark.parametrize("end", ENDS)
def test_e12_an_ended_change_is_told_as_it_is_on_disk(server: Any, owned: Path, end: str) -> None:
    """A kill is quick, so all steps of all tools are tried; of what takes its time, two."""
    ways, steps = (WAYS, (*UNCHANGED, *CHANGED)) if end == "killed" else (("overwrite",), ("announced", "made"))
    for way in ways:
        for at in steps:
            (owned / "kept.txt").write_text(OLD)
            if os.geteuid() == 0:
                os.chown(owned / "kept.txt", owned.stat().st_uid, owned.stat().st_gid)
            before = look(owned)
            error = stall(server, way, at, end)
            if at in UNCHANGED:
                assert (error["outcome"], look(owned)) == ("unchanged", before), (way, at, error)
                assert "Nothing was changed." in error["message"]
                assert "changed" not in error
                continue
            (change,) = error["changed"]
            assert error["outcome"] == "changed", (way, at, error)
            assert f"'{change}'" in error["message"]
            assert look(owned) != before, (way, at)
            newest = server.call("list_changes")["structuredContent"]["changes"][0]
            assert (newest["path"], newest["progress"]) == (change, "made")
            assert not server.call("undo_change", id=newest["id"]).get("isError")
            assert look(owned) == before, (way, at)


def test_of_several_changes_those_are_told_that_were_made(server: Any, owned: Path) -> None:
    arguments = {"path": "a/b/made.txt", "content": NEW, "create_parents": True}
    result = server.call("stall", tool="write_file", arguments=arguments, at="to be published")
    error = result["structuredContent"]["error"]
    assert (error["outcome"], error["changed"]) == ("changed", ["a", "a/b"])
    assert look(owned)["a/b"] == ""


def test_an_undo_that_was_half_done_is_finished_before_it_is_told(server: Any, owned: Path) -> None:
    for name in ("one.txt", "two.txt"):
        server.call("write_file", path=name, content=name)
    before = look(owned)
    assert not server.call("move_file", source="one.txt", destination="two.txt", overwrite=True).get("isError")
    move = server.call("list_changes")["structuredContent"]["changes"][0]["id"]
    at = "to be published"
    result = server.call("stall", tool="undo_change", arguments={"id": move}, at=at, by=int(signal.SIGKILL))
    assert result["structuredContent"]["error"]["outcome"] == "changed"
    assert look(owned) == before


def test_without_a_history_nobody_can_tell(owned: Path, start_server: Callable[..., Any]) -> None:
    server = start_server("--allow-write", faulty=True, FILEWARDEN_HISTORY_ENABLED="false")
    server.initialize()
    server.wait_until_ready()
    arguments = {"path": "made.txt", "content": NEW}
    result = server.call("stall", tool="write_file", arguments=arguments, at="to be published", by=int(signal.SIGKILL))
    error = result["structuredContent"]["error"]
    assert (error["code"], error["outcome"]) == ("worker_crashed", "unknown")
    assert "look at it before another try" in error["message"]


def test_a_change_that_ended_so_is_not_tried_again(server: Any, owned: Path) -> None:
    stall(server, "create", "announced", "killed")
    assert not (owned / "made.txt").exists()
    row = next(row for row in server.wait_until_ready()["workers"] if row["pool"] == "read-write")
    assert row["calls_total"] == 1  # the check alone
    assert not server.call("write_file", path="made.txt", content=NEW).get("isError")


# Changes that wait in the worker behind one that brings it down.


def running(status: Json) -> list[Json]:
    """The workers that run a stalled call."""
    return [worker for worker in status["workers"] if worker["tool"] == "stall"]


@pytest.mark.parametrize("at", ["announced", "made"])
def test_changes_behind_one_whose_worker_dies_are_made_once(
    owned: Path, start_server: Callable[..., Any], at: str
) -> None:
    server = start_server("--allow-write", faulty=True)
    server.initialize()
    server.wait_until_ready()
    ahead = server.start_call("stall", tool="write_file", arguments=WAYS["create"][1], at=at)
    status = server.wait_for_status(lambda status: bool(running(status)))
    behind = [server.start_call("write_file", path=f"new{number}.txt", content=f"{number}") for number in range(4)]
    server.request("ping")  # by now one of them has been given out
    server.wait_for_status(lambda _: at == "announced" or (owned / "made.txt").exists())
    os.kill(running(status)[0]["pid"], signal.SIGKILL)
    error = server.answer(ahead)["result"]["structuredContent"]["error"]
    assert (error["code"], error["outcome"]) == ("worker_crashed", "changed" if at == "made" else "unchanged")
    for call in behind:
        assert not server.answer(call)["result"].get("isError"), "a change behind the lost one was lost with it"
    changes = server.call("list_changes")["structuredContent"]["changes"]
    made = sorted(change["path"] for change in changes)
    assert made == [*(["made.txt"] if at == "made" else []), *(f"new{number}.txt" for number in range(4))]


@pytest.mark.parametrize("way", ["cancelled", "too late"])
def test_a_change_that_waits_behind_another_one_can_be_given_up(
    owned: Path, start_server: Callable[..., Any], way: str
) -> None:
    deadline = {"FILEWARDEN_DEADLINES_WRITE_S": "1.0"} if way == "too late" else {}
    server = start_server("--allow-write", faulty=True, **deadline)
    server.initialize()
    server.wait_until_ready()
    ahead = server.start_call("stall", tool="write_file", arguments=WAYS["create"][1], at="announced")
    server.wait_for_status(lambda status: bool(running(status)))
    behind = server.start_call("write_file", path="new.txt", content="new")
    server.request("ping")
    if way == "cancelled":
        server.notify("notifications/cancelled", {"requestId": behind})
        server.notify("notifications/cancelled", {"requestId": ahead})
    else:
        assert server.answer(ahead)["result"]["structuredContent"]["error"]["code"] == "timeout"
        result = server.answer(behind)["result"]  # a moment was left for it, or not
        assert (owned / "new.txt").exists() == (not result.get("isError"))
        assert not result.get("isError") or result["structuredContent"]["error"]["code"] == "timeout"
    assert not server.call("write_file", path="last.txt", content="last").get("isError")
    assert "made.txt" not in look(owned)
