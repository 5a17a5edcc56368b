import os
from pathlib import Path

import pytest

from filewarden.workers.paths import file_system
from filewarden.workers.paths.file_system import FileSystems
from filewarden.workers.paths.space import Space

EXT4, BTRFS, FUSE, OVERLAY = 0xEF53, 0x9123683E, 0x65735546, 0x794C7630


def answers(space: Space, *paths: str) -> list[bool]:
    known, found = FileSystems(), []
    for path in paths:
        with space.open_directory(path) as folder:
            found.append(known.tell_leaf(folder))
    return found


def test_only_a_folder_without_folders_is_ever_one(space: Space, root: Path) -> None:
    (root / "sub" / "deep" / "link").symlink_to("..", target_is_directory=True)
    assert answers(space, ".", "sub") == [False, False]
    if answers(space, "sub/deep") == [True]:
        (root / "sub" / "deep" / "folder").mkdir()
        assert answers(space, "sub/deep", "sub/deep/folder") == [False, True]


@pytest.mark.parametrize(("kind", "is_told"), [(EXT4, True), (BTRFS, False), (FUSE, False), (None, False)])
def test_only_where_folders_are_counted_their_number_tells(
    space: Space, root: Path, monkeypatch: pytest.MonkeyPatch, kind: int | None, is_told: bool
) -> None:
    if os.stat(root / "sub" / "deep").st_nlink != 2:
        pytest.skip("this file system does not count folders")
    monkeypatch.setattr(file_system, "file_system_type", lambda _fd: kind)
    assert answers(space, "sub/deep", "sub", ".") == [is_told, False, False]


@pytest.mark.parametrize(
    ("kind", "is_told"), [(EXT4, True), (BTRFS, True), (OVERLAY, True), (FUSE, False), (None, False)]
)
def test_times_tell_of_changes_on_file_systems_of_the_kernel(
    space: Space, monkeypatch: pytest.MonkeyPatch, kind: int | None, is_told: bool
) -> None:
    monkeypatch.setattr(file_system, "file_system_type", lambda _fd: kind)
    with space.open_directory("sub") as folder:
        # What is merged has one link, and on Btrfs everything.
        counted = folder.stat.st_nlink > 1
        assert FileSystems().tell_changes(folder) is (is_told and (counted or kind != OVERLAY))
        folder.stat = os.stat_result([*folder.stat[:3], 1, *folder.stat[4:]])
        assert FileSystems().tell_changes(folder) is (is_told and kind != OVERLAY)
        monkeypatch.setattr(file_system, "is_encrypted", lambda _fd: True)
        assert not FileSystems().tell_changes(folder)


def test_a_file_system_is_asked_once(space: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def ask(fd: int) -> int:
        asked.append(fd)
        return EXT4

    monkeypatch.setattr(file_system, "file_system_type", ask)
    answers(space, "sub/deep", "sub/deep", "sub/deep")
    assert len(asked) <= 1


def test_another_walk_asks_again_for_what_is_mounted_now_may_have_the_number_of_what_was(
    space: Space, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.stat(root / "sub" / "deep").st_nlink != 2:
        pytest.skip("this file system does not count folders")
    for kind, is_told in ((EXT4, True), (FUSE, False)):
        monkeypatch.setattr(file_system, "file_system_type", lambda _fd, kind=kind: kind)
        assert answers(space, "sub/deep") == [is_told]


def test_what_is_not_open_has_no_type() -> None:
    fd = os.open("/proc", os.O_RDONLY)
    assert file_system.file_system_type(fd) == 0x9FA0
    os.close(fd)
    assert file_system.file_system_type(-1) is None
