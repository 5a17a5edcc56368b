"""What each writing tool does, refuses and answers; the rows of sections E and L that need no server."""

import base64
import errno
import hashlib
import os
import stat
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

Run = Callable[..., Any]
OpenSpace = Callable[..., Any]
Json = dict[str, Any]


@pytest.fixture
def refused(run: Run, writable: Context, root: Path, disk: Any) -> Callable[..., ToolFailure]:
    """A call that fails and changes nothing, inside the root or beside it."""

    def call(tool: Any, **arguments: Any) -> ToolFailure:
        before = disk(root.parent)
        with pytest.raises(ToolFailure) as raised:
            run(writable, tool, **arguments)
        assert disk(root.parent) == before
        return raised.value

    return call


def edits(*pairs: tuple[str, str], **more: Any) -> list[Json]:
    return [{"old_text": old, "new_text": new, **more} for old, new in pairs]


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
    assert [entry.name for entry in shown.entries] == ["sub"]


# -- write_file


def test_a_new_file_is_nobody_elses_to_change(writable: Context, run: Run, root: Path) -> None:
    """E15, E25: no execute bit, no right to write for others, whatever the process or the folder allows."""
    old = os.umask(0)
    try:
        written = run(writable, write_file.TOOL, path="x/new", content="#!/bin/sh\n", create_parents=True)
    finally:
        os.umask(old)
    assert stat.S_IMODE((root / "x" / "new").stat().st_mode) == 0o644
    assert stat.S_IMODE((root / "x").stat().st_mode) == 0o755
    assert (written.path, written.size, written.created) == ("x/new", 10, True)
    assert written.sha256 == hashlib.sha256(b"#!/bin/sh\n").hexdigest()


def test_what_is_there_stays_unless_asked(refused: Callable[..., ToolFailure]) -> None:
    assert refused(write_file.TOOL, path="a.txt", content="x").code is Code.ALREADY_EXISTS
    assert refused(write_file.TOOL, path="sub", content="x", overwrite=True).code is Code.NOT_A_FILE
    assert refused(write_file.TOOL, path="a.txt/x", content="x").code is Code.NOT_A_DIRECTORY
    assert refused(write_file.TOOL, path="a.txt/x/y", content="x", create_parents=True).code is Code.NOT_A_DIRECTORY
    assert refused(write_file.TOOL, path="x/new", content="x").code is Code.NOT_FOUND
    both = refused(write_file.TOOL, path="a.txt", content="x", overwrite=True, append=True)
    assert both.code is Code.INVALID_ARGUMENT


def test_special_files_are_no_place_to_write(refused: Callable[..., ToolFailure], root: Path) -> None:
    os.mkfifo(root / "pipe")
    for tool, arguments in (WRITES["overwrite"], WRITES["append"], WRITES["edit"], WRITES["copy to"]):
        assert refused(tool, **arguments("pipe")).code is Code.UNSUPPORTED


def test_e11_another_version_than_expected_is_a_conflict(
    refused: Callable[..., ToolFailure], writable: Context, run: Run, root: Path
) -> None:
    stale = "0" * 64
    digest = hashlib.sha256((root / "a.txt").read_bytes()).hexdigest()
    more: Json
    for more in ({"overwrite": True}, {"append": True}):
        found = refused(write_file.TOOL, path="a.txt", content="x", expected_sha256=stale, **more)
        assert (found.code, found.details["sha256"]) == (Code.CONFLICT, digest)
    found = refused(edit_file.TOOL, path="a.txt", edits=edits(("alpha", "b")), expected_sha256=stale)
    assert found.code is Code.CONFLICT
    assert refused(write_file.TOOL, path="new", content="x", expected_sha256=stale).code is Code.CONFLICT
    wrong = refused(write_file.TOOL, path="a.txt", content="x", overwrite=True, expected_sha256="abc")
    assert wrong.code is Code.INVALID_ARGUMENT
    run(writable, write_file.TOOL, path="a.txt", content="x", overwrite=True, expected_sha256=digest.upper())
    assert (root / "a.txt").read_text() == "x"


def test_t13_a_writer_between_reading_and_replacing_loses_nothing(
    writable: Context, run: Run, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process replaces the file at the last moment: its bytes stay, and the edit is a conflict."""
    real = renames.exchange
    calls = 0

    def late(*names: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            (root / "theirs").write_text("theirs\n")
            os.replace(root / "theirs", root / "a.txt")
        real(*names)

    monkeypatch.setattr(renames, "exchange", late)
    with pytest.raises(ToolFailure) as raised:
        run(writable, edit_file.TOOL, path="a.txt", edits=edits(("alpha", "ours")))
    assert raised.value.code is Code.CONFLICT
    assert (root / "a.txt").read_text() == "theirs\n"
    assert sorted(os.listdir(root)) == ["a.txt", "sub"]


def test_a_file_system_that_cannot_exchange(
    writable: Context, run: Run, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cannot(*_: Any) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(renames, "exchange", cannot)
    run(writable, edit_file.TOOL, path="a.txt", edits=edits(("alpha", "beta")))
    assert (root / "a.txt").read_text() == "beta\n"
    assert sorted(os.listdir(root)) == ["a.txt", "sub"]


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


def test_other_names_of_a_file_keep_the_old_content(writable: Context, run: Run, root: Path) -> None:
    (root / "twin").hardlink_to(root / "a.txt")
    run(writable, edit_file.TOOL, path="a.txt", edits=edits(("alpha", "beta")))
    assert (root / "twin").read_text() == "alpha\n"
    assert (root / "a.txt").stat().st_nlink == 1


# -- edit_file


@pytest.mark.parametrize("new", ["$&", "$1", "$$", "$`", r"\1", r"\g<0>", "%s", "{0}"])
def test_e01_new_text_is_literal(writable: Context, run: Run, root: Path, new: str) -> None:
    run(writable, edit_file.TOOL, path="a.txt", edits=edits(("alpha", new)))
    assert (root / "a.txt").read_text() == new + "\n"


@pytest.mark.parametrize(
    ("given", "code", "shown"),
    [
        pytest.param(edits(("", "x")), Code.INVALID_ARGUMENT, [], id="e02 empty"),
        pytest.param(edits(("one", "one")), Code.INVALID_ARGUMENT, [], id="no change"),
        pytest.param(
            edits(("one", "x")), Code.CONFLICT, ["line 1: one", "line 3: one", "line 4: \tone two"], id="e03 ambiguous"
        ),
        pytest.param(edits(("  ONE TWO", "x")), Code.CONFLICT, ["line 4: \tone two"], id="e04 near"),
        pytest.param(edits(("three", "x")), Code.CONFLICT, [], id="absent"),
        pytest.param(edits(("two\n", "x\n"), ("two\n", "y\n")), Code.CONFLICT, [], id="e08 the second finds it gone"),
    ],
)
def test_an_edit_that_is_not_clear_changes_nothing(
    refused: Callable[..., ToolFailure], root: Path, given: list[Json], code: Code, shown: list[str]
) -> None:
    (root / "f").write_text("one\n\none\n\tone two\n")
    found = refused(edit_file.TOOL, path="f", edits=given)
    assert found.code is code
    assert found.details["candidates"] == shown
    assert "Nothing was changed" in found.message


def test_e09_a_dry_run_changes_nothing(writable: Context, run: Run, root: Path, disk: Any) -> None:
    before = disk(root)
    shown = run(writable, edit_file.TOOL, path="a.txt", edits=edits(("alpha", "beta")), dryRun=True)
    assert disk(root) == before
    assert shown.diff == "--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-alpha\n+beta\n"
    assert shown.dry_run
    done = run(writable, edit_file.TOOL, path="a.txt", edits=edits(("alpha", "beta")))
    assert (done.sha256, done.size) == (shown.sha256, shown.size)
    assert hashlib.sha256((root / "a.txt").read_bytes()).hexdigest() == done.sha256


def test_the_reference_spellings_are_taken(writable: Context, run: Run, root: Path) -> None:
    run(writable, edit_file.TOOL, path="a.txt", edits=[{"oldText": "alpha", "newText": "oldText"}], dryRun=False)
    assert (root / "a.txt").read_text() == "oldText\n"
    with pytest.raises(ToolFailure, match="give one of them"):
        run(writable, edit_file.TOOL, path="a.txt", edits=[{"oldText": "a", "old_text": "b", "newText": "c"}])
    with pytest.raises(ToolFailure, match="edits"):
        run(writable, edit_file.TOOL, path="a.txt", edits="oldText")


def test_e10_a_million_places_and_no_more_than_are_allowed(writable: Context, run: Run, root: Path) -> None:
    (root / "many").write_text("a\n" * 1_000_000)
    done = run(writable, edit_file.TOOL, path="many", edits=edits(("a", "bc"), replace_all=True))
    assert done.replacements == 1_000_000
    assert (root / "many").read_text() == "bc\n" * 1_000_000
    assert len(done.diff) < writable.limits.max_answer_chars
    with pytest.raises(ToolFailure) as raised:
        run(writable, edit_file.TOOL, path="many", edits=edits(("bc", "x" * 100), replace_all=True))
    assert raised.value.code is Code.TOO_LARGE
    with pytest.raises(ToolFailure) as raised:
        run(writable, edit_file.TOOL, path="many", edits=edits(("bc", "x")) * 1001)
    assert raised.value.code is Code.INVALID_ARGUMENT


def test_edits_end_with_their_time(writable: Context, run: Run, disk: Any, root: Path) -> None:
    before = disk(root)
    late = msgspec.structs.replace(writable, soft_deadline=0.0)
    for tool, arguments in (
        (edit_file.TOOL, {"path": "a.txt", "edits": edits(("alpha", "b"))}),
        (copy_file.TOOL, {"source": "a.txt", "destination": "new"}),
        (delete_file.TOOL, {"path": "sub", "recursive": True}),
    ):
        with pytest.raises(ToolFailure) as raised:
            run(late, tool, **arguments)
        assert raised.value.code is Code.TIMEOUT
    assert disk(root) == before


# -- folders, moves, copies


def test_folders_are_made_and_one_that_is_there_is_no_failure(writable: Context, run: Run, root: Path) -> None:
    assert run(writable, create_directory.TOOL, path="x/y/z/").created == ["x", "x/y", "x/y/z"]
    assert run(writable, create_directory.TOOL, path="x/y/z").created == []
    assert stat.S_IMODE((root / "x" / "y").stat().st_mode) == 0o755


def test_folders_that_cannot_be(refused: Callable[..., ToolFailure], root: Path) -> None:
    (root / "gap").symlink_to("nowhere")
    assert refused(create_directory.TOOL, path="a.txt").code is Code.NOT_A_DIRECTORY
    assert refused(create_directory.TOOL, path="x/y", create_parents=False).code is Code.NOT_FOUND
    assert refused(create_directory.TOOL, path="gap").code is Code.CONFLICT
    assert refused(create_directory.TOOL, path="/".join("x" * 80)).code is Code.INVALID_ARGUMENT
    assert refused(create_directory.TOOL, path="n" * 255 + "/" + "m" * 256).code is Code.INVALID_ARGUMENT


@pytest.mark.parametrize("kind", ["file", "folder", "link", "dangling"])
def test_e16_a_move_replaces_nothing_unless_asked(refused: Callable[..., ToolFailure], root: Path, kind: str) -> None:
    path = root / "there"
    match kind:
        case "file":
            path.write_text("x")
        case "folder":
            path.mkdir()
        case "link":
            path.symlink_to("a.txt")
        case _:
            path.symlink_to("nowhere")
    assert refused(move_file.TOOL, source="sub/b.py", destination="there").code is Code.ALREADY_EXISTS
    assert refused(copy_file.TOOL, source="sub/b.py", destination="there").code in (
        Code.ALREADY_EXISTS,
        Code.NOT_FOUND,
    )
    if kind == "folder":
        assert refused(move_file.TOOL, source="sub/b.py", destination="there", overwrite=True).code is Code.CONFLICT


def test_a_move_over_a_file_when_asked(writable: Context, run: Run, root: Path) -> None:
    moved = run(writable, move_file.TOOL, source="a.txt", destination="sub/b.py", overwrite=True)
    assert (moved.source, moved.destination, moved.type, moved.replaced) == ("a.txt", "sub/b.py", "file", True)
    assert (root / "sub" / "b.py").read_text() == "alpha\n"
    assert not (root / "a.txt").exists()


def test_e17_nothing_moves_into_itself(refused: Callable[..., ToolFailure], root: Path) -> None:
    (root / "twin").hardlink_to(root / "a.txt")
    assert refused(move_file.TOOL, source="sub", destination="sub/deep/x").code is Code.CONFLICT
    assert refused(move_file.TOOL, source="a.txt", destination="a.txt").code is Code.ALREADY_EXISTS
    assert refused(move_file.TOOL, source="a.txt", destination="twin", overwrite=True).code is Code.CONFLICT
    assert refused(copy_file.TOOL, source="a.txt", destination="twin", overwrite=True).code is Code.CONFLICT
    assert refused(move_file.TOOL, source="missing", destination="x").code is Code.NOT_FOUND


def test_a_case_only_rename(writable: Context, run: Run, root: Path) -> None:
    run(writable, move_file.TOOL, source="a.txt", destination="A.txt")
    assert sorted(os.listdir(root)) == ["A.txt", "sub"]


def test_e18_another_file_system_is_said(refused: Callable[..., ToolFailure], monkeypatch: pytest.MonkeyPatch) -> None:
    def elsewhere(*_: Any) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(renames, "without_replacing", elsewhere)
    found = refused(move_file.TOOL, source="a.txt", destination="new")
    assert found.code is Code.UNSUPPORTED
    assert "copy_file" in found.message


def test_a_copy_has_content_mode_and_nothing_else_in_common(writable: Context, run: Run, root: Path) -> None:
    (root / "a.txt").chmod(0o4777)
    copied = run(writable, copy_file.TOOL, source="a.txt", destination="sub/c")
    assert stat.S_IMODE((root / "sub" / "c").stat().st_mode) == 0o755
    assert copied.sha256 == hashlib.sha256(b"alpha\n").hexdigest()
    run(writable, copy_file.TOOL, source="sub/b.py", destination="a.txt", overwrite=True)
    assert stat.S_IMODE((root / "a.txt").stat().st_mode) == 0o777
    assert (root / "sub" / "c").read_text() == "alpha\n"


def test_folders_are_not_copied(refused: Callable[..., ToolFailure]) -> None:
    assert refused(copy_file.TOOL, source="sub", destination="x").code is Code.NOT_A_FILE


# -- delete_file and restore_deleted


@pytest.mark.parametrize("path", [".", "sub/..", "sub/deep/../..", "./."])
def test_e19_the_root_stays(refused: Callable[..., ToolFailure], path: str) -> None:
    assert refused(delete_file.TOOL, path=path, recursive=True).code is Code.ACCESS_DENIED
    assert refused(delete_file.TOOL, path=path, recursive=True, permanent=True).code is Code.ACCESS_DENIED


def test_e19_a_folder_with_something_in_it_needs_recursive(
    refused: Callable[..., ToolFailure], writable: Context, run: Run, root: Path
) -> None:
    found = refused(delete_file.TOOL, path="sub")
    assert (found.code, found.details) == (Code.CONFLICT, {"files": 2, "folders": 1})
    (root / "empty").mkdir()
    assert run(writable, delete_file.TOOL, path="empty").type == "directory"
    assert refused(delete_file.TOOL, path="missing").code is Code.NOT_FOUND


@pytest.mark.parametrize("permanent", [False, True])
def test_e20_links_go_and_their_targets_stay(
    writable: Context, run: Run, root: Path, places: Any, permanent: bool
) -> None:
    (root / "sub" / "out").symlink_to(places.outside)
    (root / "sub" / "in").symlink_to("../a.txt")
    (root / "sub" / "deep" / "gap").symlink_to("nowhere")
    os.mkfifo(root / "sub" / "pipe")
    done = run(writable, delete_file.TOOL, path="sub", recursive=True, permanent=permanent)
    assert (done.files, done.folders) == (6, 1)
    assert not (root / "sub").exists()
    assert (places.outside / "canary.txt").read_text() == places.canary
    assert (root / "a.txt").read_text() == "alpha\n"


def test_what_was_deleted_comes_back_where_nothing_else_is(writable: Context, run: Run, root: Path, disk: Any) -> None:
    before = disk(root / "sub")
    done = run(writable, delete_file.TOOL, path="sub", recursive=True)
    run(writable, write_file.TOOL, path="sub", content="another")
    with pytest.raises(ToolFailure) as raised:
        run(writable, restore_deleted.TOOL, trash_id=done.trash_id)
    assert raised.value.code is Code.ALREADY_EXISTS
    back = run(writable, restore_deleted.TOOL, trash_id=done.trash_id, destination="x/y")
    assert back.path == "x/y"
    after = disk(root / "x" / "y")
    assert list(after.values()) == list(before.values())
    with pytest.raises(ToolFailure) as raised:
        run(writable, restore_deleted.TOOL, trash_id=done.trash_id)
    assert raised.value.code is Code.NOT_FOUND
    assert os.listdir(root / ".filewarden-trash") == []


@pytest.mark.parametrize(
    "name", ["../a.txt", "x", "20260101T000000-0123456789abcdef", "20260101T000000-0123456789abcde/"]
)
def test_only_names_of_deletions_are_restored(refused: Callable[..., ToolFailure], name: str) -> None:
    assert refused(restore_deleted.TOOL, trash_id=name).code is Code.NOT_FOUND


@pytest.mark.parametrize("planted", ["link", "open", "file"])
def test_a_trash_that_is_not_ours_is_not_used(
    refused: Callable[..., ToolFailure], writable: Context, run: Run, root: Path, places: Any, planted: str
) -> None:
    trash = root / ".filewarden-trash"
    match planted:
        case "link":
            trash.symlink_to(places.outside)
        case "open":
            trash.mkdir()
            trash.chmod(0o777)
        case _:
            trash.write_text("x")
    assert refused(delete_file.TOOL, path="a.txt").code is Code.UNSUPPORTED
    assert run(writable, delete_file.TOOL, path="a.txt", permanent=True).trash_id is None


def test_names_that_are_not_utf8(writable: Context, run: Run, root: Path) -> None:
    written = run(writable, write_file.TOOL, path="n\\xFFn", content="x")
    assert written.path == "n\\xFFn"
    assert os.fsencode(os.listdir(root)[0]) in (b"n\xffn", b"a.txt", b"sub")
    assert run(writable, read_file.TOOL, path=written.path).text == b"x"
    done = run(writable, delete_file.TOOL, path=written.path)
    assert run(writable, restore_deleted.TOOL, trash_id=done.trash_id).path == written.path
    assert run(writable, get_file_info.TOOL, path=written.path).size == 1


@pytest.mark.parametrize("spelling", ["base64", " Base64 "])
def test_bytes_are_written_as_read_file_gives_them(writable: Context, run: Run, root: Path, spelling: str) -> None:
    data = bytes(range(256)) * 5
    text = base64.encodebytes(data).decode()
    written = run(writable, write_file.TOOL, path="new.bin", content=text, encoding=spelling)
    assert (written.size, written.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert (root / "new.bin").read_bytes() == data
    run(writable, write_file.TOOL, path="new.bin", content="AAEC", encoding=spelling, append=True)
    assert (root / "new.bin").read_bytes() == data + b"\0\1\2"
    run(writable, write_file.TOOL, path="new.bin", content="/w==", encoding=spelling, overwrite=True)
    assert (root / "new.bin").read_bytes() == b"\xff"


@pytest.mark.parametrize("content", ["A", "AA=A", "!!!!", "AA", "\xe9AAA"])
def test_what_is_no_base64_changes_nothing(writable: Context, run: Run, root: Path, content: str) -> None:
    for way in ({"overwrite": True}, {"append": True}):
        with pytest.raises(ToolFailure, match="not base64") as raised:
            run(writable, write_file.TOOL, path="a.txt", content=content, encoding="base64", **way)
        assert raised.value.code is Code.INVALID_ARGUMENT
    assert (root / "a.txt").read_text() == "alpha\n"
