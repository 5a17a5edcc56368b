"""Whether an open object may be read or changed, as the kernel says: it is what opening it would give."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from filewarden.workers.paths.permission import can_read, can_write
from filewarden.workers.paths.resolution import O_PATH


def told(path: Path, ask: Callable[[int], bool | None] = can_read) -> bool | None:
    fd = os.open(path, O_PATH | os.O_CLOEXEC)
    try:
        return ask(fd)
    finally:
        os.close(fd)


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o200, 0o000])
def test_it_is_what_opening_gives(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    file.chmod(mode)
    try:
        file.read_text()
    except PermissionError:
        assert told(file) is False
    else:
        assert told(file) is True
    try:
        os.close(os.open(file, os.O_WRONLY))
    except PermissionError:
        assert told(file, can_write) is False
    else:
        assert told(file, can_write) is True


def test_a_folder_may_be_read_too() -> None:
    assert told(Path("/")) is True


def test_anything_unusual_is_left_to_trying() -> None:
    assert can_read(-1) is None
    assert can_write(-1) is None
