"""What no writing tool reaches beyond, whichever it is; the rows of sections E and L that need no server."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from filewarden.workers.context import Context
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.paths.root import open_root
from filewarden.workers.tools import (
    copy_file,
    create_directory,
    delete_file,
    edit_file,
    get_file_info,
    list_directory,
    move_file,
    read_file,
    restore_deleted,
    write_file,
)
from filewarden.workers.writing import renames
from tests.workers.writing.conftest import edits

Run = Callable[..., Any]
OpenSpace = Callable[..., Any]
Json = dict[str, Any]

WRITES: dict[str, tuple[Any, Callable[[str], Json]]] = {
    "write": (write_file.TOOL, lambda path: {"path": path, "content": "x"}),
    "overwrite": (write_file.TOOL, lambda path: {"path": path, "content": "x", "overwrite": True}),
    "append": (write_file.TOOL, lambda path: {"path": path, "content": "x", "append": True}),
    "parents": (write_file.TOOL, lambda path: {"path": path, "content": "x", "create_parents": True}),
    "edit": (edit_file.TOOL, lambda path: {"path": path, "edits": edits(("a", "b"))}),
    "folder": (create_directory.TOOL, lambda path: {"path": path}),
    "move from": (move_file.TOOL, lambda path: {"source": path, "destination": "moved"}),
    "move to": (move_file.TOOL, lambda path: {"source": "a.txt", "destination": path}),
    "copy from": (copy_file.TOOL, lambda path: {"source": path, "destination": "copied"}),
    "copy to": (copy_file.TOOL, lambda path: {"source": "a.txt", "destination": path, "overwrite": True}),
    "delete": (delete_file.TOOL, lambda path: {"path": path, "recursive": True}),
    "delete for good": (delete_file.TOOL, lambda path: {"path": path, "recursive": True, "permanent": True}),
}


@pytest.mark.parametrize("way", WRITES)
@pytest.mark.parametrize(
    "path",
    [
        pytest.param("../OUT/new", id="beside the root"),
        pytest.param("../OUT/canary.txt", id="a file beside it"),
        pytest.param("/etc/hostname-not", id="absolute"),
        pytest.param("out/new", id="below a link out"),
        pytest.param("out/canary.txt", id="a file below a link out"),
        pytest.param("\\\\server\\share", id="network"),
        pytest.param(".filewarden-trash/x", id="the trash"),
        pytest.param(".filewarden-draft-" + "a" * 32, id="a draft's name"),
    ],
)
def test_no_tool_reaches_beyond(
    refused: Callable[..., ToolFailure], root: Path, places: Any, way: str, path: str
) -> None:
    (root / "out").symlink_to(places.outside)
    tool, arguments = WRITES[way]
    assert refused(tool, **arguments(path)).code is Code.ACCESS_DENIED


@pytest.mark.parametrize(
    "way", [way for way in WRITES if way not in ("folder", "delete", "delete for good", "move from", "move to")]
)
def test_l03_a_link_out_is_not_written_through(
    refused: Callable[..., ToolFailure], root: Path, places: Any, way: str
) -> None:
    (root / "way").symlink_to(places.outside / "canary.txt")
    (root / "gap").symlink_to(places.outside / "missing")
    tool, arguments = WRITES[way]
    assert refused(tool, **arguments("way")).code is Code.ACCESS_DENIED
    assert refused(tool, **arguments("gap")).code is Code.ACCESS_DENIED


def test_a_link_inside_is_written_through_and_stays(writable: Context, run: Run, root: Path) -> None:
    (root / "link").symlink_to("sub/b.py")
    assert run(writable, write_file.TOOL, path="link", content="new", overwrite=True).path == "sub/b.py"
    assert (root / "link").is_symlink()
    assert (root / "sub" / "b.py").read_text() == "new"


def test_a_link_itself_is_deleted_and_not_moved(writable: Context, run: Run, root: Path, places: Any) -> None:
    (root / "way").symlink_to(places.outside / "canary.txt")
    with pytest.raises(ToolFailure) as raised:
        run(writable, move_file.TOOL, source="way", destination="moved")
    assert raised.value.code is Code.UNSUPPORTED
    assert run(writable, delete_file.TOOL, path="way").trash_id is None
    assert not (root / "way").is_symlink()
    assert (places.outside / "canary.txt").read_text() == places.canary


@pytest.mark.parametrize("way", WRITES)
def test_what_a_rule_closes_stays(
    open_space: OpenSpace, writable: Context, run: Run, root: Path, disk: Any, way: str
) -> None:
    (root / "keys").mkdir()
    (root / "keys" / "a").write_text("a")
    closed = msgspec.structs.replace(writable, space=open_space(writable=True, deny=("keys", ".env")))
    before = disk(root.parent)
    tool, arguments = WRITES[way]
    for path in ("keys/a", "keys/new", "keys", ".env", "sub/.env", "sub/../keys/a"):
        with pytest.raises(ToolFailure) as raised:
            run(closed, tool, **arguments(path))
        assert raised.value.code is Code.ACCESS_DENIED
    assert disk(root.parent) == before


def test_a_folder_that_holds_what_is_closed_stays_where_it_is(
    open_space: OpenSpace, writable: Context, run: Run, root: Path, disk: Any
) -> None:
    """Elsewhere the rule, which names a place, would not hold any more."""
    (root / "sub" / "deep" / ".env").write_text("key")
    closed = msgspec.structs.replace(writable, space=open_space(writable=True, deny=("sub/deep/.env",)))
    before = disk(root)
    for tool, arguments in (
        (move_file.TOOL, {"source": "sub", "destination": "free"}),
        (delete_file.TOOL, {"path": "sub", "recursive": True}),
        (delete_file.TOOL, {"path": "sub", "recursive": True, "permanent": True}),
    ):
        with pytest.raises(ToolFailure) as raised:
            run(closed, tool, **arguments)
        assert raised.value.code is Code.ACCESS_DENIED
    assert disk(root) == before


@pytest.mark.parametrize("way", sorted(set(WRITES) - {"copy from"}))
def test_a_read_only_root_within_a_writable_one(
    open_space: OpenSpace, writable: Context, run: Run, root: Path, disk: Any, way: str
) -> None:
    inner = root / "sub"
    roots = open_root("R", str(root), writable=True), open_root("inner", str(inner))
    mixed = msgspec.structs.replace(writable, space=open_space(*roots))
    before = disk(root)
    tool, arguments = WRITES[way]
    for path in ("R/sub/b.py", "inner/b.py", "R/sub/new"):
        given = {**arguments(path)}
        for key in ("source", "destination"):
            if key in given and given[key] != path:
                given[key] = f"R/{given[key]}"
        with pytest.raises(ToolFailure) as raised:
            run(mixed, tool, **given)
        assert raised.value.code in (Code.READ_ONLY, Code.NOT_FOUND, Code.NOT_A_DIRECTORY), raised.value.message
    for tool, given in (
        (move_file.TOOL, {"source": "R/sub", "destination": "R/moved"}),
        (delete_file.TOOL, {"path": "R/sub", "recursive": True}),
    ):
        with pytest.raises(ToolFailure):
            run(mixed, tool, **given)
    assert disk(root) == before


def test_hidden_in_every_listing(writable: Context, run: Run, root: Path) -> None:
    (root / (".filewarden-draft-" + "a" * 32)).write_text("x")
    run(writable, delete_file.TOOL, path="a.txt")
    shown = run(writable, list_directory.TOOL, path=".", show_hidden=True)
    assert [entry.name for entry in shown.unfold().entries] == ["sub"]


def test_names_that_are_not_utf8(writable: Context, run: Run, root: Path) -> None:
    written = run(writable, write_file.TOOL, path="n\\xFFn", content="x")
    assert written.path == "n\\xFFn"
    assert os.fsencode(os.listdir(root)[0]) in (b"n\xffn", b"a.txt", b"sub")
    assert run(writable, read_file.TOOL, path=written.path).text == b"x"
    done = run(writable, delete_file.TOOL, path=written.path)
    assert run(writable, restore_deleted.TOOL, trash_id=done.trash_id).path == written.path
    assert run(writable, get_file_info.TOOL, path=written.path).size == 1


def test_special_files_are_no_place_to_write(refused: Callable[..., ToolFailure], root: Path) -> None:
    os.mkfifo(root / "pipe")
    for tool, arguments in (WRITES["overwrite"], WRITES["append"], WRITES["edit"], WRITES["copy to"]):
        assert refused(tool, **arguments("pipe")).code is Code.UNSUPPORTED


@pytest.mark.parametrize("way", ["write", "move to", "copy to", "delete"])
def test_a_file_system_that_cannot_rename_without_replacing(
    writable: Context, run: Run, root: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """As NFS: rather nothing than somebody else's file replaced."""

    def cannot(*_: Any) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(renames, "without_replacing", cannot)
    tool, arguments = WRITES[way]
    with pytest.raises(ToolFailure, match="without the risk of replacing") as raised:
        run(writable, tool, **arguments("a.txt" if way == "delete" else "new"))
    assert raised.value.code is Code.UNSUPPORTED
    files = {path.name: path.read_text() for path in root.rglob("*") if path.is_file()}
    assert files == {"a.txt": "alpha\n", "b.py": "b = 1\n", "c.py": "c = 1\n"}


def test_a_file_of_another_account_is_not_replaced(
    refused: Callable[..., ToolFailure], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: (root / "a.txt").stat().st_uid + 1)
    for way in ("overwrite", "append", "edit", "copy to"):
        tool, arguments = WRITES[way]
        given = arguments("a.txt")
        if way == "copy to":
            given["source"] = "sub/b.py"
        if way == "edit":
            given["edits"] = edits(("alpha", "b"))
        found = refused(tool, **given)
        assert found.code is Code.ACCESS_DENIED
        assert "another account" in found.message
