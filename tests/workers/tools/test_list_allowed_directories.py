from collections.abc import Callable
from pathlib import Path

import msgspec

from filewarden.workers.context import Context
from filewarden.workers.paths.root import open_root
from filewarden.workers.paths.space import Space
from filewarden.workers.tools.list_allowed_directories import ListAllowedDirectories, run
from filewarden.workers.tools.list_directory import ListDirectory, run as list_directory


def listed(context: Context) -> object:
    return msgspec.to_builtins(run(context, ListAllowedDirectories()))


def test_one_root_is_the_dot(context: Context, root: Path) -> None:
    assert listed(context) == {"total": 1, "directories": [{"name": "R", "path": ".", "mode": "ro"}]}
    assert str(root.parent) not in str(listed(context))


def test_of_several_each_has_its_name_and_mode(
    open_space: Callable[..., Space], make_context: Callable[..., Context], root: Path
) -> None:
    space = open_space(open_root("two\u202e", str(root / "sub"), writable=True), open_root("one", str(root)))
    context = make_context(space)
    shown = r"two\xE2\x80\xAE"
    assert listed(context) == {
        "total": 2,
        "directories": [{"name": shown, "path": shown, "mode": "rw"}, {"name": "one", "path": "one", "mode": "ro"}],
    }
    assert [entry.path for entry in list_directory(context, ListDirectory(path=shown)).unfold().entries] == [
        rf"{shown}/deep",
        rf"{shown}/b.py",
    ]
