"""What is kept before each change, what is told of it, and what an undo brings back."""

import contextlib
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from filewarden.workers.context import Context
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.history import room
from filewarden.workers.history.entry import HEAD_BYTES
from filewarden.workers.history.recorded import FileState, Recorded
from filewarden.workers.history.segment import LONG_BYTES
from filewarden.workers.inquiry import Inquiry
from filewarden.workers.paths.root import open_root
from filewarden.workers.rules.confirm_policy import Policy
from filewarden.workers.tools import (
    copy_file,
    create_directory,
    delete_file,
    edit_file,
    list_changes,
    move_file,
    restore_deleted,
    undo_change,
    write_file,
)
from filewarden.workers.writing import target, undoing
from filewarden.workers.writing.recording import content_change

Run = Callable[..., Any]
Open = Callable[..., Context]


def look(root: Path) -> dict[str, object]:
    """Names, modes and contents in the root, without the trash."""
    return {
        str(path.relative_to(root)): (path.stat().st_mode, path.read_bytes() if path.is_file() else None)
        for path in root.rglob("*")
        if ".filewarden-trash" not in path.parts
    }


def files(folder: Path) -> list[Path]:
    """The files that hold changes, the oldest first."""
    return sorted(path for path in folder.iterdir() if "." in path.name)


def forget(context: Context) -> None:
    """Let a server write no more to its file, as one that ends."""
    assert context.journal.history is not None
    context.journal.history.close()


def changes(run: Run, context: Context, **arguments: Any) -> list[Any]:
    found: list[Any] = run(context, list_changes.TOOL, **arguments).changes
    return found


CHANGES: dict[str, tuple[Any, dict[str, Any]]] = {
    "create": (write_file.TOOL, {"path": "new.txt", "content": "x"}),
    "overwrite": (write_file.TOOL, {"path": "a.txt", "content": "x", "overwrite": True}),
    "append": (write_file.TOOL, {"path": "a.txt", "content": "x", "append": True}),
    "edit": (edit_file.TOOL, {"path": "a.txt", "edits": [{"old_text": "old", "new_text": "new"}]}),
    "folder": (create_directory.TOOL, {"path": "made"}),
    "copy": (copy_file.TOOL, {"source": "a.txt", "destination": "copied.txt"}),
    "copy over": (copy_file.TOOL, {"source": "a.txt", "destination": "sub/b.py", "overwrite": True}),
    "move": (move_file.TOOL, {"source": "a.txt", "destination": "sub/moved.txt"}),
    "move over": (move_file.TOOL, {"source": "a.txt", "destination": "sub/b.py", "overwrite": True}),
    "move a folder": (move_file.TOOL, {"source": "sub", "destination": "moved"}),
    "delete": (delete_file.TOOL, {"path": "a.txt"}),
    "delete a folder": (delete_file.TOOL, {"path": "sub", "recursive": True}),
    "delete for good": (delete_file.TOOL, {"path": "a.txt", "permanent": True}),
}


@pytest.mark.parametrize("way", CHANGES)
def test_every_change_is_undone_and_its_undo_undone_and_so_on(
    recording: Context, run: Run, root: Path, way: str
) -> None:
    (root / "a.txt").write_bytes(b"old \xff\r\n")
    (root / "a.txt").chmod(0o640)
    if way in ("append", "edit"):
        (root / "a.txt").write_bytes(b"old\r\n")
    tool, arguments = CHANGES[way]
    before = look(root)
    run(recording, tool, **arguments)
    after = look(root)
    assert after != before
    (first,) = changes(run, recording)
    assert (first.operation, first.principal, first.progress) == ("tool", "somebody", "made")
    newest = first
    for expected in (before, after, before):
        run(recording, undo_change.TOOL, id=newest.id)
        assert look(root) == expected
        newest, last = changes(run, recording)[0], newest
        assert newest.undoes == last.id


def test_what_has_changed_since_is_left_as_it_is(recording: Context, run: Run, root: Path) -> None:
    run(recording, write_file.TOOL, path="a.txt", content="mine", overwrite=True)
    run(recording, create_directory.TOOL, path="made")
    run(recording, move_file.TOOL, source="sub/b.py", destination="b.py")
    run(recording, delete_file.TOOL, path="sub/deep/c.py")
    (root / "a.txt").write_text("theirs")
    (root / "made" / "inside").write_text("")
    (root / "b.py").write_text("theirs")
    (root / "sub" / "deep" / "c.py").write_text("theirs")
    before = look(root)
    for change in changes(run, recording):
        with pytest.raises(ToolFailure, match="has changed since") as raised:
            run(recording, undo_change.TOOL, id=change.id)
        assert raised.value.code is Code.CONFLICT
        assert look(root) == before
    assert len(changes(run, recording)) == 4


def _replace(path: Path) -> None:
    """Put another file with the same content in its place."""
    other = path.with_name("theirs")
    other.write_bytes(path.read_bytes())
    other.replace(path)


@pytest.mark.parametrize("way", ["move", "trash", "restore"])
def test_what_came_since_is_not_taken_for_what_was_changed(recording: Context, run: Run, root: Path, way: str) -> None:
    if way == "move":
        run(recording, move_file.TOOL, source="sub/b.py", destination="b.py")
        (root / "sub" / "b.py").write_text("theirs")
    else:
        deleted = run(recording, delete_file.TOOL, path="a.txt")
        if way == "trash":
            _replace(next((root / ".filewarden-trash").glob("*/item")))
        else:
            run(recording, restore_deleted.TOOL, trash_id=deleted.trash_id)
            _replace(root / "a.txt")
    before = look(root)
    with pytest.raises(ToolFailure, match="has changed since"):
        run(recording, undo_change.TOOL, id=changes(run, recording)[0].id)
    assert look(root) == before


def test_an_undone_move_makes_nothing_protected_of_what_is_free(recording: Context, run: Run, root: Path) -> None:
    run(recording, create_directory.TOOL, path=".github")
    run(recording, move_file.TOOL, source=".github", destination="free")
    (move, _) = changes(run, recording)
    run(recording, write_file.TOOL, path="free/workflows/ci.yml", content="x", create_parents=True)
    before = look(root)
    with pytest.raises(ToolFailure) as raised:
        run(recording, undo_change.TOOL, id=move.id)
    assert raised.value.code is Code.ACCESS_DENIED
    assert look(root) == before


def test_what_is_put_there_while_a_creation_is_undone_stays(
    recording: Context, run: Run, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(recording, write_file.TOOL, path="new.txt", content="x")
    (created,) = changes(run, recording)

    @contextlib.contextmanager
    def late(*given: Any) -> Iterator[None]:
        with content_change(*given):
            _replace(root / "new.txt")
            yield

    monkeypatch.setattr(undoing, "content_change", late)
    with pytest.raises(ToolFailure) as raised:
        run(recording, undo_change.TOOL, id=created.id)
    assert raised.value.code is Code.CONFLICT
    assert (root / "new.txt").read_text() == "x"
    assert changes(run, recording) == [created]


def test_what_is_undone_already_is_not_undone_again(recording: Context, run: Run, root: Path) -> None:
    run(recording, write_file.TOOL, path="a.txt", content="mine", overwrite=True)
    (change,) = changes(run, recording)
    run(recording, undo_change.TOOL, id=change.id)
    with pytest.raises(ToolFailure, match="is as it was before"):
        run(recording, undo_change.TOOL, id=change.id)


def test_a_folder_that_went_for_good_with_its_files_is_told_of_and_stays_away(
    recording: Context, run: Run, root: Path
) -> None:
    run(recording, delete_file.TOOL, path="sub", recursive=True, permanent=True)
    (change,) = changes(run, recording)
    with pytest.raises(ToolFailure) as raised:
        run(recording, undo_change.TOOL, id=change.id)
    assert raised.value.code is Code.UNSUPPORTED


def test_what_was_restored_from_the_trash_goes_back_to_it(recording: Context, run: Run, root: Path) -> None:
    gone = run(recording, delete_file.TOOL, path="a.txt")
    run(recording, restore_deleted.TOOL, trash_id=gone.trash_id, destination="there.txt")
    run(recording, undo_change.TOOL, id=changes(run, recording)[0].id)
    assert not (root / "there.txt").exists()
    run(recording, undo_change.TOOL, id=changes(run, recording)[0].id)
    assert (root / "there.txt").exists()


def test_what_was_changed_through_an_outer_root_goes_back_through_it(
    recording: Context, run: Run, root: Path, open_space: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of roots within each other each may be mounted apart: nothing is renamed from one to the other."""
    roots = [open_root(name, str(path), writable=True) for name, path in (("outer", root), ("inner", root / "sub"))]
    nested = msgspec.structs.replace(recording, space=open_space(*roots))
    opened_at: list[str] = []

    def spy(context: Context, path: str, **more: Any) -> Any:
        opened_at.append(path)
        return target.open_target(context, path, **more)

    monkeypatch.setattr(undoing, "open_target", spy)
    before = look(root)
    for tool, arguments in (
        (delete_file.TOOL, {"path": "outer/sub/b.py"}),
        (move_file.TOOL, {"source": "outer/sub/b.py", "destination": "outer/b.py"}),
        (move_file.TOOL, {"source": "outer/a.txt", "destination": "outer/sub/a.txt"}),
        (delete_file.TOOL, {"path": "inner/b.py"}),
        (move_file.TOOL, {"source": "inner/b.py", "destination": "inner/deep/b.py"}),
    ):
        opened_at.clear()
        way = run(nested, tool, **arguments)
        run(nested, undo_change.TOOL, id=changes(run, nested)[0].id)
        assert look(root) == before
        through = {path.partition("/")[0] for path in opened_at}
        assert through == {str(getattr(way, "source", None) or way.path).partition("/")[0]}


def test_an_undo_is_asked_about_as_what_destroys(opened: Open, run: Run) -> None:
    careful = opened(confirm=Policy.DESTRUCTIVE)
    run(careful, write_file.TOOL, path="new.txt", content="x")
    with pytest.raises(Inquiry):
        run(careful, undo_change.TOOL, id=changes(run, careful)[0].id)


def test_a_refused_change_leaves_nothing_in_the_history(recording: Context, run: Run) -> None:
    with pytest.raises(ToolFailure):
        run(recording, write_file.TOOL, path="a.txt", content="x")
    with pytest.raises(ToolFailure):
        run(recording, delete_file.TOOL, path="absent")
    assert changes(run, recording) == []


# Bounds.


def test_a_change_that_cannot_be_kept_is_not_made(opened: Open, run: Run, root: Path) -> None:
    tight = opened(max_bytes=10_000)
    (root / "a.txt").write_bytes(bytes(20_000))
    before = look(root)
    for tool, arguments in (CHANGES["overwrite"], CHANGES["delete for good"]):
        with pytest.raises(ToolFailure, match="max_bytes") as raised:
            run(tight, tool, **arguments)
        assert raised.value.code is Code.TOO_LARGE
        assert look(root) == before
    assert changes(run, tight) == []


def test_what_is_kept_and_what_comes_back_leave_the_room_that_others_are_to_have(
    recording: Context, run: Run, root: Path
) -> None:
    (root / "long").write_bytes(bytes(LONG_BYTES + 1))
    run(recording, write_file.TOOL, path="a.txt", content="x", overwrite=True)
    writing = msgspec.structs.replace(recording.writing, min_free_bytes=10**15)
    full = msgspec.structs.replace(recording, writing=writing)
    before = look(root)
    for tool, arguments in (
        (undo_change.TOOL, {"id": changes(run, recording)[0].id}),
        (delete_file.TOOL, {"path": "long", "permanent": True}),
    ):
        with pytest.raises(ToolFailure, match=r"writes\.min_free_bytes") as raised:
            run(full, tool, **arguments)
        assert raised.value.details["errno"] == "ENOSPC"
        assert look(root) == before
    assert len(changes(run, recording)) == 1


def test_a_change_is_not_made_when_the_history_cannot_be_written(
    opened: Open, run: Run, root: Path, folder: Path
) -> None:
    recording = opened()
    folder.rmdir()
    before = look(root)
    with pytest.raises(ToolFailure, match="could not be kept") as raised:
        run(recording, write_file.TOOL, path="a.txt", content="x", overwrite=True)
    assert raised.value.code is Code.IO_ERROR
    assert look(root) == before
    folder.mkdir()


def test_the_oldest_changes_make_way(opened: Open, run: Run, root: Path, folder: Path) -> None:
    most = 100_000
    tight = opened(max_bytes=most)
    (root / "a.txt").write_bytes(bytes(10_000))
    for number in range(25):
        run(tight, write_file.TOOL, path="a.txt", content=f"{number:010000d}", overwrite=True)
        assert sum(path.stat().st_size for path in folder.iterdir()) <= most
    kept = changes(run, tight)
    assert 4 <= len(kept) < 25
    run(tight, undo_change.TOOL, id=kept[0].id)
    assert (root / "a.txt").read_text() == f"{23:010000d}"


def test_the_number_of_changes_is_bounded(
    opened: Open, run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "MOST_CHANGES", 20)
    recording = opened()
    for number in range(50):
        run(recording, create_directory.TOOL, path=f"made{number}")
        assert len(list(folder.iterdir())) <= 21
    assert changes(run, recording)[0].path == "made49"


def test_what_is_too_old_is_forgotten(opened: Open, run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = opened(max_age_s=1000)
    hour_ago_ns = time.time_ns() - 3600 * 10**9
    with monkeypatch.context() as patch:
        patch.setattr(time, "time_ns", lambda: hour_ago_ns)
        run(recording, create_directory.TOOL, path="made")
        (aged,) = changes(run, recording)
    with pytest.raises(ToolFailure, match="No change"):
        run(recording, undo_change.TOOL, id=aged.id)
    assert changes(run, recording) == []
    forget(recording)
    (file,) = files(folder)
    os.utime(file, ns=(hour_ago_ns, hour_ago_ns))
    run(opened(max_age_s=1000), create_directory.TOOL, path="other")
    assert not file.exists()
    assert len(files(folder)) == 1


# Several servers, and their deaths.


def test_two_servers_keep_one_history(opened: Open, run: Run, root: Path) -> None:
    one, other = opened(), opened()
    failures: list[BaseException] = []

    def work(context: Context, name: str) -> None:
        try:
            for number in range(20):
                run(context, write_file.TOOL, path=f"{name}{number}", content="x")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=pair) for pair in ((one, "one"), (other, "other"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    seen = [change.path for change in changes(run, one)]
    assert sorted(seen) == sorted([f"{name}{number}" for name in ("one", "other") for number in range(20)])
    ids = [change.id for change in changes(run, other)]
    assert ids == sorted(set(ids), reverse=True)
    run(one, undo_change.TOOL, id=next(each.id for each in changes(run, one) if each.path == "other3"))
    assert not (root / "other3").exists()


def test_a_change_that_is_being_made_is_neither_undone_nor_forgotten(
    opened: Open, run: Run, root: Path, folder: Path
) -> None:
    tight = opened(max_bytes=65_536)
    history = tight.journal.history
    assert history is not None
    with history.image(100) as image:
        place = str(root.resolve() / "made")
        new = FileState("", 0, 0o755)
        image.announce(Recorded(operation="tool", principal="x", action="folder", path=place, after=new))
        for number in range(30):
            run(tight, create_directory.TOOL, path=f"made{number}")
        assert sum(path.stat().st_size for path in folder.iterdir()) <= 65_536
        oldest = changes(run, tight)[-1]
        assert (oldest.id, oldest.progress) == (image.identifier, "under_way")
        with pytest.raises(ToolFailure, match="being made"):
            run(tight, undo_change.TOOL, id=oldest.id)
    assert oldest.id not in [change.id for change in changes(run, tight)]  # it was not made


def test_a_damaged_content_is_not_put_back(recording: Context, run: Run, root: Path, folder: Path) -> None:
    (root / "a.txt").write_text("old")
    run(recording, write_file.TOOL, path="a.txt", content="new", overwrite=True)
    (change,) = changes(run, recording)
    (file,) = files(folder)
    whole = file.read_bytes()
    assert whole[HEAD_BYTES:].startswith(b"old{")
    file.write_bytes(whole[:HEAD_BYTES] + b"bad" + whole[HEAD_BYTES + 3 :])
    with pytest.raises(ToolFailure, match="damaged"):
        run(recording, undo_change.TOOL, id=change.id)
    assert (root / "a.txt").read_text() == "new"


# The list.


def test_the_list_is_told_in_pages_and_by_folder(recording: Context, run: Run, make_context: Any) -> None:
    for number in range(30):
        run(recording, create_directory.TOOL, path=f"{'even' if number % 2 == 0 else 'odd'}/{number}")
    limits = msgspec.structs.replace(recording.limits, max_answer_chars=1000)
    short = msgspec.structs.replace(recording, limits=limits)
    seen: list[str] = []
    page = run(short, list_changes.TOOL, path="odd")
    pages = 1
    while page.truncated:
        seen += [change.path for change in page.changes]
        page = run(short, list_changes.TOOL, path="odd", cursor=page.next_cursor)
        pages += 1
    seen += [change.path for change in page.changes]
    assert seen == [*(f"odd/{number}" for number in range(29, 0, -2)), "odd"]
    assert pages > 2
    first = run(short, list_changes.TOOL, path="odd")
    with pytest.raises(ToolFailure, match="cursor"):
        run(short, list_changes.TOOL, path="even", cursor=first.next_cursor)


def test_the_list_of_a_path_is_the_same_however_it_is_written(
    recording: Context, run: Run, root: Path, tmp_path: Path, open_space: Any
) -> None:
    (root / "way").symlink_to("sub")
    (root / "hop").symlink_to("sub/deep")
    run(recording, write_file.TOOL, path="sub/new.txt", content="x")
    run(recording, write_file.TOOL, path="other.txt", content="x")
    link = tmp_path / "link"
    link.symlink_to(root)
    linked = msgspec.structs.replace(recording, space=open_space(open_root("R", str(link), writable=True)))
    ways = ["sub/new.txt", "sub", "./sub//", "sub/deep/..", "way/new.txt", "way", str(root / "sub"), str(link / "sub")]
    for way in (*ways, "hop/../new.txt", "hop/.."):
        assert [change.path for change in changes(run, linked, path=way)] == ["sub/new.txt"], way
    for everything in (".", "./", "sub/..", str(link)):
        assert len(changes(run, linked, path=everything)) == 2
    for nothing in ("new.txt", "su", "sub/new.txt/x", "hop/../other.txt"):
        assert changes(run, linked, path=nothing) == []
    with pytest.raises(ToolFailure) as raised:
        changes(run, linked, path="../OUT")
    assert raised.value.code is Code.ACCESS_DENIED


def test_nothing_is_told_of_what_is_closed_or_in_no_root(
    recording: Context, run: Run, root: Path, open_space: Any
) -> None:
    run(recording, create_directory.TOOL, path="secret")
    run(recording, write_file.TOOL, path="secret/x", content="x")
    run(recording, move_file.TOOL, source="secret/x", destination="x")
    hidden = changes(run, recording)
    closed = msgspec.structs.replace(recording, space=open_space(writable=True, deny=("secret",)))
    assert changes(run, closed) == []
    for change in hidden:
        with pytest.raises(ToolFailure, match="No change"):
            run(closed, undo_change.TOOL, id=change.id)


@pytest.mark.parametrize("identifier", ["../usage", "usage", "0" * 24, "0" * 23 + "/", "x", "\0"])
def test_no_id_leads_anywhere_else(recording: Context, run: Run, identifier: str) -> None:
    run(recording, create_directory.TOOL, path="made")
    with pytest.raises(ToolFailure, match="No change") as raised:
        run(recording, undo_change.TOOL, id=identifier)
    assert raised.value.code is Code.NOT_FOUND


def test_what_is_kept_is_for_nobody_else(recording: Context, run: Run, folder: Path) -> None:
    run(recording, write_file.TOOL, path="a.txt", content="x", overwrite=True)
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in folder.iterdir())
