import os
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.drivers.busy import BUSY_S
from tests.drivers.ownership import own

SHORT = {
    "FILEWARDEN_DEADLINES_READ_S": "0.6",
    "FILEWARDEN_DEADLINES_SCAN_S": "0.6",
    "FILEWARDEN_POOL_WORKERS": "3",
    "FILEWARDEN_POOL_SCAN_WORKERS": "1",
}
DEADLINE_S = 0.6 + 0.25


@pytest.fixture
def short_deadlines() -> dict[str, str]:
    """Hard deadlines of 0.85 s, three workers, one of them for scans."""
    return dict(SHORT)


@pytest.fixture
def owned(tree: Path) -> Path:
    """The tree, of the account that workers become when the tests run as root."""
    for path in (tree, *tree.rglob("*")):
        own(path)
    return tree


@pytest.fixture
def descendants() -> Callable[[int], set[int]]:
    """Every living process below one."""

    def find(pid: int) -> set[int]:
        return {child.pid for child in psutil.Process(pid).children(recursive=True)}

    return find


@pytest.fixture
def all_gone() -> Callable[[set[int], float], bool]:
    """Whether every process of a set has ended within a time, as far as a busy machine can tell."""

    def wait(pids: set[int], timeout_s: float) -> bool:
        give_up_at = time.monotonic() + timeout_s + BUSY_S
        while left := {pid for pid in pids if _is_alive(pid)}:
            if time.monotonic() > give_up_at:
                return False
            os.sched_yield()
            pids = left
        return True

    return wait


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
