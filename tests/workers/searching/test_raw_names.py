import os
from pathlib import Path

import pytest

from filewarden.workers.searching import raw_names
from filewarden.workers.searching.raw_names import may_hold

MANY = 3000
"""Names, more than are listed at a time."""


def looks(folder: Path, part: bytes) -> bool:
    """Look through a folder, which can be read from its beginning afterwards."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        found = may_hold(fd, part)
        if found:
            with os.scandir(fd) as entries:
                assert sorted(entry.name for entry in entries) == sorted(os.listdir(folder))
        return found
    finally:
        os.close(fd)


def test_an_empty_folder_holds_no_name(tmp_path: Path) -> None:
    assert not looks(tmp_path, b"a-part")


@pytest.mark.parametrize("name", [b"a-part", b"before-a-part", b"a-part-behind", b"\xffa-part\xff", b".a-part"])
def test_a_part_of_any_name_is_found(tmp_path: Path, name: bytes) -> None:
    (tmp_path / "other").touch()
    os.mknod(os.fsencode(tmp_path) + b"/" + name)
    assert looks(tmp_path, b"a-part")
    assert not looks(tmp_path, b"b-part")
    assert not looks(tmp_path, b"a-part-of-none")


@pytest.mark.parametrize("place", [0, MANY // 2, MANY - 1])
def test_all_of_a_large_folder_is_looked_through(tmp_path: Path, place: int) -> None:
    for number in range(MANY):
        (tmp_path / f"file-{number:06}-of-a-long-name").touch()
    assert looks(tmp_path, f"file-{place:06}".encode())
    assert not looks(tmp_path, f"file-{MANY:06}".encode())


def test_a_folder_that_cannot_be_listed_is_read_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with open(tmp_path / "file", "rb") as file:
        assert may_hold(file.fileno(), b"a-part")


def test_without_the_function_nothing_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_names, "_getdents64", lambda: None)
    assert looks(tmp_path, b"a-part")
