import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from filewarden.workers.paths.resolution import Resolver
from filewarden.workers.paths.space import best_resolver

Disk = dict[str, tuple[object, ...]]


@pytest.fixture
def resolver() -> Resolver:
    """One is enough here: both find the same folders (`test_paths.py`), and what follows has no path any more."""
    return best_resolver()


@pytest.fixture
def disk() -> Callable[[Path], Disk]:
    """Everything below a folder, with contents, modes, owners and times; what no client may meet included."""

    def look(top: Path) -> Disk:
        found: Disk = {}
        for folder, folders, files in os.walk(top):
            for name in (*folders, *files):
                path = Path(folder, name)
                state = path.lstat()
                content: Any = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
                found[str(path)] = (state.st_mode, state.st_ino, state.st_mtime_ns, content)
        return found

    return look
