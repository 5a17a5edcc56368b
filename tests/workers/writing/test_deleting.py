"""What is deleted, and what comes back; rows of section E that need no server."""

import errno
import itertools
import os
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from filewarden.workers.context import Context
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.paths.root import open_root
from filewarden.workers.tools import delete_file, edit_file, move_file, restore_deleted, write_file
from filewarden.workers.writing import subtree
from tests.workers.writing.conftest import edits

Run = Callable[..., Any]


@pytest.mark.parametrize("path", [".", "sub/..", "sub/deep/../..", "./."])
def test_e19_the_root_stays(refused: Callable[..., ToolFailure], path: str) -> None:
    failure = refused(delete_file.TOOL, path=path, recursive=True)
    assert failure.code is Code.ACCESS_DENIED
    assert "is a root" in failure.message
    assert refused(delete_file.TOOL, path=path, recursive=True, permanent=True).code is Code.ACCESS_DENIED


@pytest.mark.parametrize("path", ["outer/sub", "outer/sub/deep"])
def test_e19_a_root_stays_that_is_reached_through_another(
    writable: Context, run: Run, root: Path, open_space: Any, disk: Any, path: str
) -> None:
    (root / "sub" / "deep" / "inner").mkdir()
    roots = [open_root(name, str(root / place), writable=True) for name, place in (("outer", ""), ("inner", path[6:]))]
    nested = msgspec.structs.replace(writable, space=open_space(*roots))
    before = disk(root)
    for tool, arguments in (
        (delete_file.TOOL, {"path": path, "recursive": True}),
        (delete_file.TOOL, {"path": "outer/sub", "recursive": True, "permanent": True}),
        (move_file.TOOL, {"source": path, "destination": "outer/elsewhere"}),
        (move_file.TOOL, {"source": "outer/sub", "destination": "outer/elsewhere"}),
    ):
        with pytest.raises(ToolFailure, match="is a root or holds one"):
            run(nested, tool, **arguments)
    assert disk(root) == before
    run(nested, delete_file.TOOL, path="outer/sub/deep/inner")


def test_e19_a_folder_with_something_in_it_needs_recursive(
    refused: Callable[..., ToolFailure], writable: Context, run: Run, root: Path
) -> None:
    found = refused(delete_file.TOOL, path="sub")
    assert (found.code, found.details) == (Code.CONFLICT, {"files": 2, "folders": 1})
    (root / "empty").mkdir()
    assert run(writable, delete_file.TOOL, path="empty").type == "directory"
    assert refused(delete_file.TOOL, path="missing").code is Code.NOT_FOUND


def test_where_something_has_to_be_there_nobody_is_told_to_make_its_folder(
    refused: Callable[..., ToolFailure], root: Path
) -> None:
    (root / "gap").symlink_to("nowhere")
    ways: list[tuple[Any, dict[str, Any]]] = [
        (delete_file.TOOL, {"path": "gone/x"}),
        (move_file.TOOL, {"source": "gone/x", "destination": "y"}),
        (edit_file.TOOL, {"path": "gone/x", "edits": edits(("a", "b"))}),
    ]
    for tool, arguments in ways:
        failure = refused(tool, **arguments)
        assert failure.code is Code.NOT_FOUND
        assert "create_directory" not in failure.message
    to_make: list[tuple[Any, dict[str, Any]]] = [
        (write_file.TOOL, {"path": "gone/x", "content": ""}),
        (move_file.TOOL, {"source": "a.txt", "destination": "gone/x"}),
    ]
    for tool, arguments in to_make:
        assert "create_directory makes it" in refused(tool, **arguments).message
    assert "'gap' is a link to something that is not there" in refused(write_file.TOOL, path="gap", content="").message


@pytest.mark.parametrize("destination", ["new/x/", "new/.", "new/deep/.."])
def test_no_folder_is_made_for_what_cannot_be_restored_there(
    writable: Context, run: Run, root: Path, disk: Any, destination: str
) -> None:
    trash_id = run(writable, delete_file.TOOL, path="a.txt").trash_id
    before = disk(root)
    with pytest.raises(ToolFailure) as raised:
        run(writable, restore_deleted.TOOL, trash_id=trash_id, destination=destination)
    assert raised.value.code is Code.INVALID_ARGUMENT
    assert disk(root) == before


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


DEEP = 90
"""Folders in each other: more than a worker has descriptors."""


def nest(top: Path, levels: int) -> None:
    """A folder with a file and a link in each of so many levels, made without any long path."""
    top.mkdir()
    fd = os.open(top, os.O_PATH | os.O_DIRECTORY)
    for _ in range(levels - 1):
        os.close(os.open("a", os.O_WRONLY | os.O_CREAT, dir_fd=fd))
        os.symlink("a", "z", dir_fd=fd)
        os.mkdir("m", dir_fd=fd)
        below = os.open("m", os.O_PATH | os.O_DIRECTORY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(fd)


@pytest.fixture
def few_descriptors() -> Iterator[None]:
    """No more than a worker has."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = set(map(int, os.listdir("/proc/self/fd")))
    free = (number for number in itertools.count() if number not in taken)
    resource.setrlimit(resource.RLIMIT_NOFILE, (next(itertools.islice(free, 40, None)), limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_what_is_deleted_in_part_is_not_said_to_be_as_it_was(
    writable: Context, run: Run, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.rmdir

    def rmdir(name: bytes, **more: Any) -> None:
        if name == b"sub":
            (root / "sub" / "late").touch()  # as a program does that works there
        real(name, **more)

    monkeypatch.setattr(os, "rmdir", rmdir)
    with pytest.raises(ToolFailure) as raised:
        run(writable, delete_file.TOOL, path="sub", recursive=True, permanent=True)
    assert os.listdir(root / "sub") == ["late"]
    assert raised.value.code is Code.CONFLICT
    assert raised.value.message == "'sub' is not empty. A part of it was removed before."


def test_folders_nested_deeper_than_descriptors_reach_are_moved_deleted_and_restored(
    writable: Context, run: Run, root: Path, few_descriptors: None
) -> None:
    nest(root / "deep", DEEP)
    run(writable, move_file.TOOL, source="deep", destination="moved")
    done = run(writable, delete_file.TOOL, path="moved", recursive=True)
    assert (done.files, done.folders) == (2 * (DEEP - 1), DEEP - 1)
    run(writable, restore_deleted.TOOL, trash_id=done.trash_id)
    again = run(writable, delete_file.TOOL, path="moved", recursive=True, permanent=True)
    assert (again.files, again.folders, (root / "moved").exists()) == (done.files, done.folders, False)


def test_folders_nested_too_deep_stay(refused: Callable[..., ToolFailure], root: Path, few_descriptors: None) -> None:
    nest(root / "deep", subtree.MOST_LEVELS + 1)
    for permanent in (False, True):
        failure = refused(delete_file.TOOL, path="deep", recursive=True, permanent=permanent)
        assert failure.code is Code.UNSUPPORTED
        assert f"deeper than {subtree.MOST_LEVELS} folders" in failure.message


def test_a_folder_that_is_moved_away_during_its_removal_ends_it(
    writable: Context, run: Run, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nest(root / "deep", 3 * subtree.MOST_OPEN)
    (root / "kept").mkdir()
    (root / "kept" / "file").write_text("kept")
    low = root.joinpath("deep", *["m"] * (2 * subtree.MOST_OPEN))
    rmdir = os.rmdir

    def once(*arguments: Any, **more: Any) -> None:
        monkeypatch.setattr(os, "rmdir", rmdir)
        low.rename(root / "kept" / "m")
        rmdir(*arguments, **more)

    monkeypatch.setattr(os, "rmdir", once)
    with pytest.raises(ToolFailure) as raised:
        run(writable, delete_file.TOOL, path="deep", recursive=True, permanent=True)
    assert raised.value.code is Code.CONFLICT
    assert (root / "kept" / "file").read_text() == "kept"
    assert (root / "deep").exists()


def test_a_folder_that_may_not_be_looked_into_is_told_of_by_its_code(
    refused: Callable[..., ToolFailure], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = os.stat

    def closed(path: Any, **more: Any) -> os.stat_result:
        if path == b"x":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return look(path, **more)

    monkeypatch.setattr(os, "stat", closed)
    failure = refused(write_file.TOOL, path="sub/x", content="")
    assert failure.code is Code.ACCESS_DENIED
    assert "the server has no permission for 'sub/x'" in failure.message
