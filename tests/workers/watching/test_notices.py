"""What the kernel tells about folders, asked of the real one."""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from filewarden.workers.watching.notices import Event, Notices

TIMEOUT_S = 20.0


def collected(notices: Notices, wanted: set[str]) -> set[Event]:
    """What is told until every wanted path was."""
    events: set[Event] = set()
    give_up_at = time.monotonic() + TIMEOUT_S
    while not wanted <= {path for _, path in events}:
        assert time.monotonic() < give_up_at, events
        told = notices.collect()
        assert not told.is_lossy
        events |= told.events
    return events


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    return folders


def test_folders_can_be_added_without_losing_what_happens_meanwhile(folders: list[Path]) -> None:
    notices = Notices()
    notices.watch([str(folders[0])])
    (folders[0] / "before").touch()
    notices.watch([str(folder) for folder in folders])
    for folder in folders:
        (folder / "after").touch()
    wanted = {str(folders[0] / "before"), *(str(folder / "after") for folder in folders)}
    assert {path for _, path in collected(notices, wanted)} == wanted


def test_what_is_given_up_or_lies_deeper_is_not_told(folders: list[Path]) -> None:
    notices = Notices()
    (folders[1] / "deep").mkdir()
    notices.watch([str(folder) for folder in folders])
    notices.watch([str(folders[1])])
    (folders[0] / "file").touch()
    (folders[1] / "deep" / "file").touch()
    (folders[1] / "last").touch()
    assert {path for _, path in collected(notices, {str(folders[1] / "last")})} == {str(folders[1] / "last")}


def test_a_name_that_is_no_text_makes_it_deaf_until_it_watches_anew(folders: list[Path]) -> None:
    notices = Notices()
    notices.watch([str(folders[0])])
    with open(os.fsencode(folders[0]) + b"/\xff", "w"):
        give_up_at = time.monotonic() + TIMEOUT_S
        while not notices.collect().is_lossy:
            assert time.monotonic() < give_up_at
    assert notices.is_deaf
    notices.watch([str(folders[0])])
    assert not notices.is_deaf
    (folders[0] / "file").touch()
    assert collected(notices, {str(folders[0] / "file")})


def test_a_folder_that_is_not_there_is_left_out(folders: list[Path]) -> None:
    notices = Notices()
    notices.watch([str(folders[0] / "absent"), str(folders[1])])
    (folders[1] / "file").touch()
    assert collected(notices, {str(folders[1] / "file")})
    notices.watch([])
    assert not notices.is_deaf


LIMITED = """
import resource, sys
from filewarden.workers.watching.notices import LimitReached, Notices
first, second = sys.argv[1:]
notices = Notices()
notices.watch([first])
resource.setrlimit(resource.RLIMIT_NOFILE, (int(max(map(int, __import__("os").listdir("/proc/self/fd")))), 4096))
try:
    notices.watch([first, second])
except LimitReached:
    open_before = notices.is_deaf
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 4096))
    open(first + "/file", "w").close()
    while not (told := notices.collect().events):
        pass
    print(open_before, sorted(path for _, path in told))
"""


def test_at_the_system_s_limit_the_former_folders_stay_watched(folders: list[Path]) -> None:
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[1] >= 4096
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, *map(str, folders)], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.strip() == f"False {[str(folders[0] / 'file')]}"
