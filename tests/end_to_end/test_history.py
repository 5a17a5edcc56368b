"""The history of a real server: written by confined workers, and out of every client's reach."""

import os
import pwd
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.drivers.results import code, data

pytestmark = pytest.mark.integration

Json = dict[str, Any]


@pytest.fixture
def state(owned: Path, tmp_path: Path) -> Path:
    """A state folder in the root itself: the worst place for it."""
    folder = owned / "state"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def writer(owned: Path, state: Path, start_server: Callable[..., Any]) -> Any:
    server = start_server("--allow-write", XDG_STATE_HOME=str(state))
    server.initialize()
    return server


def history(state: Path) -> Path:
    name = f"history-{pwd.getpwnam('nobody').pw_uid}" if os.geteuid() == 0 else "history"
    return state / "filewarden" / name


def test_changes_are_listed_undone_and_redone(writer: Any, owned: Path, state: Path) -> None:
    data(writer.call("write_file", path="new.txt", content="one"))
    data(writer.call("write_file", path="new.txt", content="two", overwrite=True))
    listed = data(writer.call("list_changes"))["changes"]
    assert [(change["operation"], change["size_before"], change["principal"]) for change in listed] == [
        ("write_file", 3, "local"),
        ("write_file", None, "local"),
    ]
    assert data(writer.call("undo_change", id=listed[0]["id"]))["done"] == "restored"
    assert (owned / "new.txt").read_text() == "one"
    redo = data(writer.call("list_changes"))["changes"][0]
    assert (redo["operation"], redo["undoes"]) == ("undo_change", listed[0]["id"])
    data(writer.call("undo_change", id=redo["id"]))
    assert (owned / "new.txt").read_text() == "two"
    (owned / "new.txt").write_text("theirs")
    assert code(writer.call("undo_change", id=listed[0]["id"])) == "conflict"
    assert (owned / "new.txt").read_text() == "theirs"
    folder = history(state)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert folder.stat().st_uid == owned.stat().st_uid
    assert len(list(folder.glob("*.open"))) == 1


def test_c13_no_path_of_a_client_reaches_the_history(writer: Any, owned: Path, state: Path) -> None:
    data(writer.call("write_file", path="new.txt", content="one"))
    folder = history(state)
    (kept,) = folder.glob("*.open")
    (owned / "link").symlink_to(folder)
    (owned / "file link").symlink_to(kept)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    relative = str(folder.relative_to(owned))
    ways = (relative, str(folder), "link", f"x/../{relative}", "/root1", "state/filewarden")
    for way in ways:
        itself = () if way == "link" else (way,)  # a link in the root is the client's own
        for path in (*itself, f"{way}/{kept.name}", f"{way}/usage", f"{way}/new"):
            for tool, arguments in (
                ("read_file", {"path": path}),
                ("get_file_info", {"path": path}),
                ("list_directory", {"path": path}),
                ("write_file", {"path": path, "content": "x", "overwrite": True}),
                ("delete_file", {"path": path, "recursive": True}),
                ("move_file", {"source": path, "destination": "taken"}),
                ("move_file", {"source": "new.txt", "destination": path, "overwrite": True}),
                ("copy_file", {"source": path, "destination": "taken"}),
            ):
                assert code(writer.call(tool, **arguments)) in ("access_denied", "not_found"), (tool, arguments)
    assert code(writer.call("read_file", path="file link")) == "access_denied"
    assert code(writer.call("undo_change", id=f"../{folder.name}/{kept.name}")) in ("not_found", "invalid_argument")
    assert code(writer.call("delete_file", path="state", recursive=True)) == "access_denied"
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    assert (owned / "new.txt").read_text() == "one"


def test_two_servers_share_one_history(writer: Any, owned: Path, state: Path, start_server: Any) -> None:
    other = start_server("--allow-write", XDG_STATE_HOME=str(state))
    other.initialize()
    data(writer.call("write_file", path="first", content="x"))
    data(other.call("write_file", path="second", content="x"))
    listed = data(writer.call("list_changes"))["changes"]
    assert [change["path"] for change in listed] == ["second", "first"]
    assert data(writer.call("undo_change", id=listed[0]["id"]))["done"] == "removed"
    assert not (owned / "second").exists()


def test_without_a_history_its_tools_are_not_there(owned: Path, state: Path, start_server: Any) -> None:
    server = start_server("--allow-write", XDG_STATE_HOME=str(state), FILEWARDEN_HISTORY_ENABLED="false")
    server.initialize()
    offered = {tool["name"] for tool in server.request("tools/list")["result"]["tools"]}
    assert "write_file" in offered
    assert not offered.intersection(("list_changes", "undo_change"))
    data(server.call("write_file", path="new.txt", content="x"))
    assert not history(state).exists()


def test_a_server_without_a_place_for_the_history_says_what_to_do(owned: Path, start_server: Any) -> None:
    no_folder = str(owned / "notes.txt")
    server = start_server("--allow-write", XDG_STATE_HOME=no_folder)
    assert server.process.wait(20) != 0
    server.kill()
    assert "history.enabled" in server.errors
    assert "cannot be used as a private folder" in server.errors
