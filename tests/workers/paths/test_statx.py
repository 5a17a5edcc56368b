import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from filewarden.workers.paths import statx
from filewarden.workers.paths.statx import MOST_AT_ONCE, is_encrypted, is_mount, look_at_all

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="statx is Linux's")


def test_what_is_told_of_many_is_what_is_told_of_each(tmp_path: Path) -> None:
    for number in range(MOST_AT_ONCE - 6):
        (tmp_path / f"f{number}").write_bytes(b"x" * number)
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("f7")
    (tmp_path / "dangling").symlink_to("none")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").touch()
    os.truncate(tmp_path / "large", 5 << 32)
    (tmp_path / "old").touch(0o600)
    os.utime(tmp_path / "old", ns=(-1_500_000_000, -1_500_000_000))
    names = [os.fsencode(name) for name in os.listdir(tmp_path)]
    assert len(names) == MOST_AT_ONCE
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        told = look_at_all(folder, names)
        few = look_at_all(folder, names[:3])
        missing = look_at_all(folder, [*names[:5], b"none", *names[5:9]])
    finally:
        os.close(folder)
    states = [os.lstat(os.fsencode(tmp_path) + b"/" + name) for name in names]
    assert told is not None
    assert few is not None
    assert told.modes == [state.st_mode for state in states]
    assert told.inodes == [state.st_ino for state in states]
    assert told.sizes == [state.st_size for state in states]
    assert told.modified == [state.st_mtime_ns // 1_000_000_000 for state in states]
    assert few.inodes == told.inodes[:3]
    assert stat.S_ISLNK(told.modes[names.index(b"link")])
    assert missing is None


def test_what_is_gone_is_not_taken_for_no_mount(tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        assert not is_mount(folder)
        with pytest.raises(FileNotFoundError):
            is_mount(folder, b"gone")
    finally:
        os.close(folder)


def test_what_the_kernel_encrypts_is_told_by_its_attribute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    os.close(folder)
    assert not is_encrypted(folder), "not open"

    def answers(attributes: int) -> bool:
        def ask(*arguments: Any) -> int:
            raw = attributes.to_bytes(8, sys.byteorder)
            arguments[-1][:] = bytes(8) + raw + bytes(240)
            return 0

        monkeypatch.setattr(statx, "_syscall", ask)
        return is_encrypted(folder)

    assert answers(0x800)
    assert answers(0x2874)
    assert not answers(0x2074)
