"""One draft by itself: who may see it, what becomes of it when somebody comes in between, and what it leaves behind."""

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.rules.durability import Durability
from filewarden.workers.writing import renames
from filewarden.workers.writing.drafts import Draft, has_access_list, sweep

ORPHAN = ".filewarden-draft-" + "b" * 32


@pytest.fixture
def place(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "old").write_text("old")
    folder = os.open(tmp_path, os.O_PATH | os.O_DIRECTORY)
    yield folder
    os.close(folder)


def conflict(act: Any, *arguments: Any) -> ToolFailure:
    with pytest.raises(ToolFailure) as raised:
        act(*arguments)
    assert raised.value.code is Code.CONFLICT
    return raised.value


def test_a_draft_is_nobody_elses_to_read_nor_to_sweep_and_is_gone_in_the_end(place: int, tmp_path: Path) -> None:
    with Draft(place, Durability.RENAME) as draft:
        draft.write(b"new")
        assert sweep(place) == 0
        (name,) = set(os.listdir(tmp_path)) - {"old"}
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["old"]


def test_one_that_is_swept_before_it_is_locked_is_made_again(
    place: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, swept = fcntl.flock, list[str]()

    def late(fd: int, how: int) -> None:
        if not swept:
            swept.append(os.path.basename(os.readlink(f"/proc/self/fd/{fd}")))
            (tmp_path / swept[0]).unlink()
        lock(fd, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with Draft(place, Durability.RENAME) as draft:
        draft.write(b"new")
        draft.create(b"made")
    assert len(swept) == 1
    assert (tmp_path / "made").read_text() == "new"


@pytest.mark.parametrize("way", ["create", "replace", "replace what was seen"])
def test_content_lasts_before_its_name_does(place: int, tmp_path: Path, way: str) -> None:
    with Draft(place, Durability.FULL) as draft:
        before = len(draft.flushes)
        if way == "create":
            draft.create(b"new")
        else:
            draft.replace(b"old", None if way == "replace" else os.stat(tmp_path / "old"))
        assert (before, len(draft.flushes)) == (1, 0)


def test_what_was_replaced_is_gone_also_where_nobody_waited_for_the_disk(place: int, tmp_path: Path) -> None:
    with Draft(place, Durability.RENAME) as draft:
        draft.write(b"new")
        draft.replace(b"old", os.stat(tmp_path / "old"))
    assert os.listdir(tmp_path) == ["old"]
    assert (tmp_path / "old").read_text() == "new"


def test_nothing_is_swept_while_somebody_exchanges_there_whoever_does_so_too(place: int, tmp_path: Path) -> None:
    other = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    with Draft(place, Durability.RENAME) as draft:
        fcntl.flock(other, fcntl.LOCK_SH)
        draft.replace(b"old", os.stat(tmp_path / "old"))
        os.close(other)
        assert sweep(place) == 0


def test_where_nobody_may_list_the_folder_it_is_replaced_all_the_same(
    place: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(_draft: Draft) -> int:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Draft, "_opened_folder", closed)
    with Draft(place, Durability.RENAME) as draft:
        draft.write(b"new")
        draft.replace(b"old", os.stat(tmp_path / "old"))
    assert (tmp_path / "old").read_text() == "new"


def test_where_names_cannot_be_exchanged_another_version_still_stays(
    place: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cannot(*_arguments: Any) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(renames, "exchange", cannot)
    seen = os.stat(tmp_path / "old")
    (tmp_path / "theirs").write_text("theirs")
    (tmp_path / "theirs").rename(tmp_path / "old")
    with Draft(place, Durability.RENAME) as draft:
        conflict(draft.replace, b"old", seen)
    assert os.listdir(tmp_path) == ["old"]
    assert (tmp_path / "old").read_text() == "theirs"


def test_one_that_was_taken_away_as_soon_as_it_was_there_is_a_conflict(place: int, tmp_path: Path) -> None:
    with Draft(place, Durability.RENAME) as draft:
        draft.create(b"new")
        (tmp_path / "new").unlink()
        assert conflict(draft.last).details["outcome"] == "unknown"


def test_what_only_has_a_drafts_name_is_not_swept(place: int, tmp_path: Path) -> None:
    (tmp_path / ORPHAN).symlink_to("old")
    assert sweep(place) == 0
    if os.geteuid() == 0:
        (tmp_path / ORPHAN).unlink()
        (tmp_path / ORPHAN).touch()
        os.chown(tmp_path / ORPHAN, 12345, -1)
        assert sweep(place) == 0, "it is somebody else's"
    assert sorted(os.listdir(tmp_path)) == sorted([ORPHAN, "old"])


def test_a_file_system_without_attributes_has_no_access_lists(
    place: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(number: int) -> Any:
        def fail(*_arguments: Any) -> list[str]:
            raise OSError(number, os.strerror(number))

        return fail

    with (tmp_path / "old").open() as file:
        monkeypatch.setattr(os, "listxattr", failing(errno.ENOTSUP))
        assert not has_access_list(file.fileno())
        monkeypatch.setattr(os, "listxattr", failing(errno.EIO))
        with pytest.raises(OSError, match=os.strerror(errno.EIO)):
            has_access_list(file.fileno())
