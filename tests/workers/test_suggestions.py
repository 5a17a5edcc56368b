import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from filewarden.workers.context import Context
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.paths import suggestion
from filewarden.workers.paths.root import open_root
from filewarden.workers.paths.space import Space
from filewarden.workers.tools import get_file_info, list_directory, read_file

OpenSpace = Callable[..., Space]


def hint(space: Space, path: str) -> object:
    with pytest.raises(ToolFailure) as refused:
        space.open_file(path).close()
    assert refused.value.code is Code.NOT_FOUND
    near = refused.value.details.get("did_you_mean")
    assert (near is None) or refused.value.message.endswith(f"Did you mean '{near}'?")
    return near


@pytest.mark.parametrize(
    ("path", "near"),
    [
        ("A.txt", "a.txt"),
        ("./sub//../b.txt", "a.txt"),
        ("a.md", "a.txt"),
        ("Sub/b.py", "sub"),
        ("sub/deep/d.py", "sub/deep/c.py"),
        ("sub/deap/x/y", "sub/deep"),
        ("nothing like it", None),
        ("zzz/zzz/zzz", None),
        ("a.txtt/", "a.txt"),
        ("l/B.py", "sub/b.py"),
        ("lost", None),
    ],
)
def test_p33_the_nearest_name_in_the_folder_that_is_there_is_suggested(
    space: Space, root: Path, path: str, near: str | None
) -> None:
    (root / "l").symlink_to("sub")
    (root / "lost").symlink_to("nowhere to be found")
    assert hint(space, path) == near


def test_p33_p34_another_form_of_a_name_is_suggested_and_never_opened(space: Space, root: Path) -> None:
    for name in ("caf\u00e9.txt", "Screenshot 3.05\u202fPM.png"):
        (root / name).write_text(name)
    assert hint(space, "cafe\u0301.txt") == "caf\u00e9.txt"
    shown = hint(space, "Screenshot 3.05 PM.png")
    assert shown == r"Screenshot 3.05\xE2\x80\xAFPM.png" or shown == "Screenshot 3.05\u202fPM.png"
    assert isinstance(shown, str)
    with space.open_file(shown) as handle:
        assert os.read(handle.fd, 99).decode() == "Screenshot 3.05\u202fPM.png"
    (root / "cafe\u0301.txt").write_text("the other")
    with space.open_file("cafe\u0301.txt") as handle:
        assert os.read(handle.fd, 99) == b"the other"


def test_o02_a_suggestion_is_shown_in_the_reversible_form(space: Space, root: Path) -> None:
    with open(os.fsencode(root) + b"/evil\x1b[2J\xe9.txt", "wb"):
        pass
    shown = hint(space, r"evil\x1B[2J\xE9.TXT")
    assert shown == r"evil\x1B[2J\xE9.txt"
    space.open_file(str(shown)).close()


def test_nothing_closed_is_suggested(open_space: OpenSpace, root: Path) -> None:
    (root / "secret.key").touch()
    (root / "secrets").mkdir()
    (root / "secrets" / "inner.txt").touch()
    (root / "own.txt").touch()
    state = (root / "own.txt").stat()
    space = open_space(deny=("*.key", "secrets"), denied=frozenset({(state.st_dev, state.st_ino)}))
    assert hint(space, "secret.kex") is None
    assert hint(space, "secret") is None
    assert hint(space, "own.tx") is None
    with pytest.raises(ToolFailure) as refused:
        space.open_file("secrets/inner.tx")
    assert refused.value.code is Code.ACCESS_DENIED
    assert refused.value.details == {}


def test_nothing_outside_is_suggested(space: Space, root: Path) -> None:
    (root / "out").symlink_to("../OUT")
    for path in ("../OUT/canary.tx", "out/canary.tx", "../R-evi", "/etc/passw"):
        with pytest.raises(ToolFailure) as refused:
            space.open_file(path)
        assert refused.value.code is Code.ACCESS_DENIED
        assert refused.value.details == {}


def test_the_root_that_is_meant_stands_before_the_name(open_space: OpenSpace, root: Path) -> None:
    space = open_space(open_root("one", str(root)), open_root("two", str(root / "sub")))
    assert hint(space, "one/A.txt") == "one/a.txt"
    assert hint(space, "two/B.py") == "two/b.py"


def test_a_huge_folder_is_not_searched_through(space: Space, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suggestion, "MOST_NAMES", 3)
    for number in range(6):
        (root / "sub" / f"file-{number}").touch()
    looked_at = {entry.name for entry in list(os.scandir(root / "sub"))[:3]}
    for number in range(6):
        expected = f"sub/file-{number}" if f"file-{number}" in looked_at else None
        found = hint(space, f"sub/FILE-{number}")
        assert found == expected or (expected is None and found is not None and str(found)[4:] in looked_at)


def test_a_hint_takes_no_time_worth_mentioning(space: Space, root: Path) -> None:
    for number in range(2000):
        (root / "sub" / f"completely-different-{number:05}").touch()
    begun = time.process_time()
    for number in range(10):
        hint(space, f"sub/compleetly-different-{number:05}x")
    assert time.process_time() - begun < 2.0


def test_a_hint_too_long_to_be_read_is_left_out(space: Space, root: Path) -> None:
    folder = root
    for _ in range(5):
        folder = folder / ("d" * 250)
    folder.mkdir(parents=True)
    (folder / "a.txt").touch()
    path = "/".join(["d" * 250] * 5)
    assert hint(space, f"{path}/A.txt") is None


Run = Callable[[Context], object]


@pytest.mark.parametrize(
    "run",
    [
        lambda context: get_file_info.run(context, get_file_info.GetFileInfo(path="sub/dep")),
        lambda context: list_directory.run(context, list_directory.ListDirectory(path="sub/dep")),
        lambda context: read_file.run(context, read_file.ReadFile(path="sub/dep")),
    ],
)
def test_every_tool_suggests(context: Context, run: Run) -> None:
    with pytest.raises(ToolFailure) as refused:
        run(context)
    assert refused.value.details == {"did_you_mean": "sub/deep"}
