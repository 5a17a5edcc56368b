"""Others change the same names at the same moment: one winner, nothing lost, and nothing outside touched."""

import contextlib
import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from filewarden.workers.context import Context
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.rules.durability import Durability
from filewarden.workers.tools import copy_file, create_directory, delete_file, edit_file, move_file, write_file
from filewarden.workers.writing import renames
from filewarden.workers.writing.drafts import Draft, sweep

Run = Callable[..., Any]
Exchanging = Callable[..., AbstractContextManager[None]]

ROUNDS = 15
SHORT_S, LONG_S = 2.0, 30.0
MORE_S = 40.0
"""What a race may take beyond its time until each tool has met the folder, and the control has escaped."""

pytestmark = pytest.mark.timeout(180)


def raced(*actions: Callable[[], object]) -> list[str]:
    """Run each in a process of its own, all let go at once; `ok`, or the code of the refusal."""
    gate_read, gate_write = os.pipe()
    children = []
    for action in actions:
        out_read, out_write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(gate_write)
            os.read(gate_read, 1)
            word = "crash"
            try:
                action()
                word = "ok"
            except ToolFailure as failure:
                word = failure.code.value
            finally:
                os.write(out_write, word.encode())
                os._exit(0)
        os.close(out_write)
        children.append((pid, out_read))
    os.close(gate_read)
    os.close(gate_write)
    words = []
    for pid, out_read in children:
        words.append(os.read(out_read, 100).decode())
        os.close(out_read)
        os.waitpid(pid, 0)
    return words


def test_of_two_creators_one_wins(writable: Context, run: Run, root: Path) -> None:
    for number in range(ROUNDS):
        name = f"new{number}"

        def create(content: str, name: str = name) -> Callable[[], object]:
            return lambda: run(writable, write_file.TOOL, path=name, content=content)

        words = raced(create("one" * 1000), create("two" * 1000))
        assert sorted(words) == ["already_exists", "ok"]
        assert (root / name).read_text() == ("one" if words[0] == "ok" else "two") * 1000


def test_t12_of_two_moves_to_one_place_one_wins(writable: Context, run: Run, root: Path) -> None:
    for number in range(ROUNDS):
        for source in ("one", "two"):
            (root / source).write_text(source)
        name = f"goal{number}"

        def move(source: str, name: str = name) -> Callable[[], object]:
            return lambda: run(writable, move_file.TOOL, source=source, destination=name)

        words = raced(move("one"), move("two"))
        assert sorted(words) == ["already_exists", "ok"]
        winner, loser = ("one", "two") if words[0] == "ok" else ("two", "one")
        assert (root / name).read_text() == winner
        assert (root / loser).read_text() == loser
        assert not (root / winner).exists()


def test_t13_of_two_edits_of_one_version_none_is_lost(writable: Context, run: Run, root: Path) -> None:
    """Each adds its own line; whoever was told of success has it in the file."""
    for _ in range(ROUNDS):
        (root / "f").write_text("base\n")

        def edit(word: str) -> Callable[[], object]:
            edits = [{"old_text": "base\n", "new_text": f"base\n{word}\n"}]
            return lambda: run(writable, edit_file.TOOL, path="f", edits=edits)

        words = raced(edit("one"), edit("two"))
        assert set(words) <= {"ok", "conflict"}
        lines = (root / "f").read_text().splitlines()
        assert [
            word for word, found in zip(("one", "two"), words, strict=True) if found == "ok" and word not in lines
        ] == []
        assert not [name for name in os.listdir(root) if "draft" in name]


def test_t11_a_draft_that_was_swapped_is_an_error_and_not_a_success(root: Path) -> None:
    """Somebody who can write to the folder puts a file of theirs under the draft's name."""
    folder = os.open(root, os.O_PATH | os.O_DIRECTORY)
    try:
        with Draft(folder, Durability.RENAME) as new:
            new.write(b"ours")
            (name,) = [name for name in os.listdir(root) if "draft" in name]
            (root / "theirs").write_text("theirs")
            os.replace(root / "theirs", root / name)
            new.create(b"published")
            with pytest.raises(ToolFailure) as raised:
                new.last()
    finally:
        os.close(folder)
    assert raised.value.code is Code.CONFLICT
    assert raised.value.details == {"outcome": "unknown"}


@pytest.mark.parametrize("way", ["move", "delete"])
def test_what_came_in_between_is_put_back(
    writable: Context, run: Run, root: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Between the look at a file and its rename it is replaced: what others have put there stays there."""
    real = renames.without_replacing

    def late(old_folder: int, old: bytes, new_folder: int, new: bytes) -> None:
        if old == b"a.txt" and not (root / "seen").exists():
            (root / "seen").touch()
            (root / "theirs").write_text("theirs")
            os.replace(root / "theirs", root / "a.txt")
        real(old_folder, old, new_folder, new)

    monkeypatch.setattr(renames, "without_replacing", late)
    ways: dict[str, tuple[Any, dict[str, str]]] = {
        "move": (move_file.TOOL, {"source": "a.txt", "destination": "sub/new"}),
        "delete": (delete_file.TOOL, {"path": "a.txt"}),
    }
    tool, arguments = ways[way]
    with pytest.raises(ToolFailure) as raised:
        run(writable, tool, **arguments)
    assert raised.value.code is Code.CONFLICT
    assert (root / "a.txt").read_text() == "theirs"
    assert not (root / "sub" / "new").exists()
    assert not any((root / ".filewarden-trash").glob("*"))


# -- folders that are swapped for links out


Way = Callable[[Run, Context, str], object]

FILES = ("over", "app", "edit", "from", "gone")
"""What lies in a folder that is swapped, and likewise in those outside."""
INSIDE = b"inside>"

ROWS: dict[str, dict[str, Way]] = {
    "t03": {
        "create": lambda run, context, name: run(context, write_file.TOOL, path=f"d/{name}", content="x"),
        "create with parents": lambda run, context, name: run(
            context, write_file.TOOL, path=f"d/{name}/x", content="x", create_parents=True
        ),
    },
    "t04": {
        "overwrite": lambda run, context, _: run(
            context, write_file.TOOL, path="d/over", content="ours", overwrite=True
        ),
        "append": lambda run, context, _: run(context, write_file.TOOL, path="d/app", content="x", append=True),
        "edit": lambda run, context, _: run(
            context, edit_file.TOOL, path="d/edit", edits=[{"old_text": ">", "new_text": ".>"}]
        ),
    },
    "t05": {
        "folder": lambda run, context, name: run(context, create_directory.TOOL, path=f"d/{name}"),
        "copy": lambda run, context, name: run(context, copy_file.TOOL, source="a.txt", destination=f"d/{name}"),
        "move": lambda run, context, name: run(context, move_file.TOOL, source="d/from", destination=f"d/{name}"),
    },
    "t06": {
        "delete": lambda run, context, _: run(context, delete_file.TOOL, path="d/gone", permanent=True),
        "delete all": lambda run, context, _: run(
            context, delete_file.TOOL, path="parent", recursive=True, permanent=True
        ),
    },
}
"""The tools by the row of the catalogue that they belong to; those of a row take turns."""


def naive_create(folder: Path, name: str) -> None:
    (folder / name).write_text("x")


def naive_overwrite(folder: Path, _name: str) -> None:
    (folder / "over").write_text("ours")


def naive_folder(folder: Path, name: str) -> None:
    (folder / name).mkdir()


def naive_delete(folder: Path, _name: str) -> None:
    (folder / "gone").unlink()


CONTROLS: dict[str, Callable[[Path, str], None]] = {
    "t03": naive_create,
    "t04": naive_overwrite,
    "t05": naive_folder,
    "t06": naive_delete,
}
"""What is wrong with each row: it looks at the path as a text, and then goes by it."""


def fingerprint(folder: Path) -> dict[str, tuple[int, str]]:
    return {path.name: (path.stat().st_mtime_ns, path.read_text()) for path in folder.iterdir() if path.is_file()} | {
        path.name: (0, "folder") for path in folder.iterdir() if path.is_dir()
    }


def refill(root: Path, names: tuple[str, str]) -> None:
    """Put files of our own where a call may find them: in the real folder, through descriptors alone."""
    for name in names:
        with contextlib.suppress(OSError):
            folder = os.open(root / name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            for file in FILES:
                with contextlib.suppress(FileExistsError):
                    fd = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644, dir_fd=folder)
                    os.write(fd, INSIDE)
                    os.close(fd)
            os.close(folder)


class Arena:
    """`d` and `parent/d` are folders and links to the one outside in turn; `naive` leads to another one outside."""

    def __init__(self, root: Path, outside: Path, row: str) -> None:
        self.root = root
        self.outside = outside
        self.lost = outside.parent / "LOST"
        """Where the control lands."""
        self._row = row
        self.has_escaped = False
        for folder in (root / "d", root / "parent" / "d", root / "naive", self.lost):
            folder.mkdir(parents=True)
        for folder in (outside, self.lost):
            for file in FILES:
                (folder / file).write_bytes(INSIDE)
        (root / "other").symlink_to(outside)
        (root / "parent" / "other").symlink_to(outside)
        (root / "naive-other").symlink_to(self.lost)
        self._before = fingerprint(self.lost)
        parent = root / "parent"
        self.pairs = (
            (root / "d", root / "other"),
            (parent / "d", parent / "other"),
            (root / "naive", root / "naive-other"),
        )

    def refill(self) -> None:
        parent = self.root / "parent"
        parent.mkdir(exist_ok=True)
        with contextlib.suppress(FileExistsError):
            (parent / "d").mkdir()
        with contextlib.suppress(FileExistsError):
            (parent / "other").symlink_to(self.outside)
        refill(self.root, ("d", "other"))
        refill(self.root, ("naive", "naive-other"))
        refill(parent, ("d", "other"))

    def try_to_escape(self, name: str) -> None:
        """The control, until it has succeeded once."""
        if self.has_escaped:
            return
        with contextlib.suppress(OSError):
            if (self.root / "naive").resolve().is_relative_to(self.root.resolve()):
                CONTROLS[self._row](self.root / "naive", name)
        self.has_escaped = fingerprint(self.lost) != self._before


@pytest.mark.parametrize(
    "seconds",
    [pytest.param(SHORT_S, id="short"), pytest.param(LONG_S, id="long", marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("row", ROWS)
def test_t03_t04_t05_t06_no_change_lands_outside(
    writable: Context, run: Run, places: Any, exchanging: Exchanging, row: str, seconds: float
) -> None:
    arena = Arena(places.root, places.outside, row)
    before = fingerprint(places.outside)
    met = {way: Counter[str]() for way in ROWS[row]}
    with exchanging(*arena.pairs):
        begun = time.monotonic()
        is_void, refused = True, 0
        while (now := time.monotonic()) < begun + seconds or (is_void and now < begun + seconds + MORE_S):
            for way, act in ROWS[row].items():
                arena.refill()
                number = sum(codes.total() for codes in met.values())
                try:
                    act(run, writable, f"new{number}")
                    met[way]["ok"] += 1
                except ToolFailure as failure:
                    met[way][failure.code.value] += 1
                arena.try_to_escape(f"naive{number}")
            refused = sum(codes.total() - codes["ok"] for codes in met.values())
            is_void = not arena.has_escaped or refused < 10 or not all(codes["ok"] for codes in met.values())
    print(f"\nracing changes for {seconds:.0f} s: {met}")  # noqa: T201 # the record of a run
    assert fingerprint(places.outside) == before, met
    assert arena.has_escaped, "void: the naive way did not land outside"
    assert all(codes["ok"] for codes in met.values()), f"some tool never met the folder itself: {met}"
    assert refused >= 10, f"the link was hardly met: {met}"


def test_t10_names_of_drafts_cannot_be_guessed(root: Path) -> None:
    folder = os.open(root, os.O_PATH | os.O_DIRECTORY)
    seen = set[str]()
    try:
        for _ in range(50):
            with Draft(folder, Durability.RENAME):
                seen.update(name for name in os.listdir(root) if "draft" in name)
    finally:
        os.close(folder)
    assert len(seen) == 50
    assert min(map(len, seen)) == len(".filewarden-draft-") + 32


def test_a_reader_never_sees_a_mix(writable: Context, run: Run, root: Path) -> None:
    path, is_over, mixed = root / "f", threading.Event(), list[str]()
    versions = {letter: letter * 200_000 for letter in "ab"}
    path.write_text(versions["a"])

    def watch() -> None:
        while not is_over.is_set():
            text = path.read_text()
            if text not in versions.values():
                mixed.append(text)

    reader = threading.Thread(target=watch)
    reader.start()
    try:
        for number in range(40):
            run(writable, write_file.TOOL, path="f", content=versions["ab"[number % 2]], overwrite=True)
    finally:
        is_over.set()
        reader.join()
    assert mixed == []


def test_t13_a_sweep_while_two_exchange_takes_no_version_away(
    writable: Context, run: Run, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was replaced has the draft's name for a moment. It may be somebody's later version, and is put back."""
    folder = os.open(root, os.O_PATH | os.O_DIRECTORY)
    real, exchanges = renames.exchange, 0

    def exchange(*arguments: Any) -> None:
        nonlocal exchanges
        exchanges += 1
        if exchanges == 1:
            (root / "theirs").write_bytes(b"theirs")
            os.replace(root / "theirs", root / "a.txt")
        real(*arguments)
        assert sweep(folder) == 0

    monkeypatch.setattr(renames, "exchange", exchange)
    try:
        with pytest.raises(ToolFailure) as raised:
            run(writable, write_file.TOOL, path="a.txt", content="ours", overwrite=True)
    finally:
        os.close(folder)
    assert raised.value.code is Code.CONFLICT
    assert exchanges == 2
    assert (root / "a.txt").read_text() == "theirs"
    assert not [name for name in os.listdir(root) if "draft" in name]
