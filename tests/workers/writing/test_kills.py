"""A process that is killed in the middle of moves and deletions: everything is in exactly one place."""

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from filewarden.workers.context import Context
from filewarden.workers.tools import delete_file, move_file, restore_deleted, write_file
from filewarden.workers.writing.housekeeping import tidy_roots

Run = Callable[..., Any]

CONTENT = "kept\n" * 1000


def killed_after(seconds: float, work: Callable[[], None]) -> None:
    """Let a child work without end, and kill it."""
    ready_read, ready_write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(ready_write, b"x")
            while True:
                work()
        finally:
            os._exit(1)
    os.read(ready_read, 1)
    os.close(ready_read)
    os.close(ready_write)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL, "the work failed"


def places_of(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file() and path.read_text() == CONTENT]


@pytest.mark.parametrize("kills", [pytest.param(20, id="few"), pytest.param(200, id="many", marks=pytest.mark.slow)])
def test_e12_a_file_is_in_one_place_whenever_its_mover_dies(
    writable: Context, run: Run, root: Path, kills: int
) -> None:
    (root / "kept").write_text(CONTENT)
    moments = random.Random(12)

    def work() -> None:
        run(writable, move_file.TOOL, source="kept", destination="sub/kept")
        gone = run(writable, delete_file.TOOL, path="sub/kept")
        run(writable, restore_deleted.TOOL, trash_id=gone.trash_id, destination="kept")
        run(writable, write_file.TOOL, path="kept", content=CONTENT, overwrite=True)

    for _ in range(kills):
        killed_after(moments.uniform(0, 0.02), work)
        tidy_roots(writable.space, 10.0)
        (place,) = places_of(root)
        os.replace(place, root / "kept")
        left = sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
        assert [name for name in left if not name.endswith("/origin")] == ["a.txt", "kept", "sub/b.py", "sub/deep/c.py"]
        tidy_roots(writable.space, 10.0)
        assert not any((root / ".filewarden-trash").glob("*"))
