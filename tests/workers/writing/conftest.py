import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from filewarden.workers.context import Context
from filewarden.workers.errors import ToolFailure
from filewarden.workers.history.journal import Journal
from filewarden.workers.history.store import History
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


Open = Callable[..., Context]


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("history")


@pytest.fixture
def opened(writable: Context, folder: Path) -> Any:
    """A context over the same root, and a history of its own over the same folder, as another server has."""
    histories: list[History] = []

    def make(max_bytes: int = 1 << 20, max_age_s: float = 1000.0, **changed: Any) -> Context:
        place = os.open(folder, os.O_PATH | os.O_DIRECTORY)
        history = History(place, max_bytes=max_bytes, max_age_s=max_age_s)
        histories.append(history)
        return msgspec.structs.replace(writable, journal=Journal(history, "tool", "somebody"), **changed)

    yield make
    for history in histories:
        history.close()
        os.close(history.folder)


@pytest.fixture
def recording(opened: Open) -> Context:
    return opened()


@pytest.fixture
def refused(run: Callable[..., Any], writable: Context, root: Path, disk: Any) -> Callable[..., ToolFailure]:
    """A call that fails and changes nothing, inside the root or beside it."""

    def call(tool: Any, **arguments: Any) -> ToolFailure:
        before = disk(root.parent)
        with pytest.raises(ToolFailure) as raised:
            run(writable, tool, **arguments)
        assert disk(root.parent) == before
        return raised.value

    return call


def edits(*pairs: tuple[str, str], **more: Any) -> list[dict[str, Any]]:
    return [{"old_text": old, "new_text": new, **more} for old, new in pairs]
