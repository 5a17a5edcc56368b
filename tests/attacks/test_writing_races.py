"""Section T for what changes files, over the wire: folders are swapped for links out while every writing tool works.

The control is a server with the same tools whose workers check no path and whom no layer of the kernel holds: the same
calls to it must land outside, by every tool, or the race proves nothing.
"""

import contextlib
import itertools
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.drivers.ownership import own

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

Json = dict[str, Any]
Request = tuple[str, Json]
Disk = dict[str, tuple[int, ...]]

UNCHECKED = (str(Path(__file__).parent / "unchecked" / "server.py"),)
ALONE = {"landlock": ("no-namespaces",), "namespaces": ("no-landlock",), "nothing": ("--sandbox", "off")}
FAST = {"FILEWARDEN_WRITES_DURABILITY": "rename"}
"""More tries in the same time: what is raced comes before what is made durable."""
SHORT_S, LONG_S = 2.0, 30.0
MORE_S = 40.0
"""What a race may take beyond its time until each tool has met the folder, and the control has escaped by each."""
ROUNDS = 25
INSIDE = "inside>"
FILES = ("over", "app", "edit", "from", "gone", "trash", "cp", "tree/leaf", "undo")
"""What lies in the folder, and likewise in the one outside."""


def keep(_name: str | Path, _folder: int | None = None) -> None:
    """Leave it to the account of the tests."""


class Arena:
    """A ground whose root and `OUT` the workers may write to, and in the root `d`, which is swapped for a link out."""

    def __init__(self, ground: Any, own: Callable[..., None]) -> None:
        self.ground = ground
        self._own = own
        self.root: Path = ground.root
        self.outside: Path = ground.outside
        for folder in (self.root / "d", self.outside):
            (folder / "tree").mkdir(parents=True)
            for name in FILES:
                (folder / name).write_text(INSIDE)
                (folder / name).chmod(0o644)
        (self.outside / "cp").write_text(ground.canary)
        (self.root / "stash").mkdir()
        (self.root / "source").write_text(INSIDE)
        for path in (self.root, *self.root.rglob("*"), self.outside, *self.outside.rglob("*")):
            own(path)
        (self.root / "link").symlink_to("../OUT")
        self.pair = self.root / "d", self.root / "link"
        self._folder = os.open(self.root / "d", os.O_RDONLY | os.O_DIRECTORY)

    def refill(self) -> None:
        """Put back what calls have taken from the folder, whatever it is called now."""
        with contextlib.suppress(FileExistsError):
            os.mkdir("tree", 0o755, dir_fd=self._folder)
            self._own("tree", self._folder)
        for name in ("from", "gone", "trash", "back", "tree/leaf"):
            with contextlib.suppress(FileExistsError):
                os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=self._folder))
                self._own(name, self._folder)

    def outside_now(self) -> Disk:
        found: Disk = {}
        for path in self.outside.rglob("*"):
            with contextlib.suppress(FileNotFoundError):
                state = path.lstat()
                found[str(path)] = (state.st_ino, state.st_size, state.st_mtime_ns)
        return found

    def has_leaked(self) -> bool:
        """Whether something from outside was copied or moved into the root."""
        return any(self.ground.canary in path.read_text() for path in (self.root / "stash").iterdir())

    def close(self) -> None:
        os.close(self._folder)


class Attacker:
    """A client who works in a folder that is being swapped: the next try of each tool.

    What a tool needs to be there (a deletion to restore, a change to undo) comes from calls that are raced as well, so
    that there may be no try this time.
    """

    def __init__(self, server: Any) -> None:
        self.server = server
        self._numbers = itertools.count()

    def tries(self) -> Iterator[tuple[str, Request | None]]:
        new = self._new
        yield "create", ("write_file", {"path": f"d/{new()}", "content": "x"})
        yield "create with parents", ("write_file", {"path": f"d/{new()}/x", "content": "x", "create_parents": True})
        yield "overwrite", ("write_file", {"path": "d/over", "content": "ours", "overwrite": True})
        yield "append", ("write_file", {"path": "d/app", "content": "+", "append": True})
        yield "edit", ("edit_file", {"path": "d/edit", "edits": [{"old_text": ">", "new_text": ".>"}]})
        yield "folder", ("create_directory", {"path": f"d/{new()}"})
        yield "move from", ("move_file", {"source": "d/from", "destination": f"stash/{new()}"})
        yield "move to", self._move()
        yield "copy from", ("copy_file", {"source": "d/cp", "destination": f"stash/{new()}"})
        yield "copy to", ("copy_file", {"source": "source", "destination": f"d/{new()}"})
        yield "delete", ("delete_file", {"path": "d/trash"})
        yield "delete for good", ("delete_file", {"path": "d/gone", "permanent": True})
        yield "delete all", ("delete_file", {"path": "d/tree", "recursive": True, "permanent": True})
        yield "restore", self._restore()
        yield "restore to", self._restore(destination=f"d/{new()}")
        yield "undo", self._undo()

    def _new(self) -> str:
        return f"new{next(self._numbers)}"

    def _move(self) -> Request:
        source = f"stash/{self._new()}"
        self.server.call("write_file", path=source, content="x")
        return "move_file", {"source": source, "destination": f"d/{self._new()}"}

    def _restore(self, **where: str) -> Request | None:
        """There is no file of this name outside, so that it could land there."""
        deleted = self.server.call("delete_file", path="d/back")
        if deleted.get("isError"):
            return None
        return "restore_deleted", {"trash_id": deleted["structuredContent"]["trash_id"], **where}

    def _undo(self) -> Request | None:
        """What the change has left looks like the file outside."""
        for content in ("before", INSIDE):
            self.server.call("write_file", path="d/undo", content=content, overwrite=True)
        listed = self.server.call("list_changes", path="d/undo")["structuredContent"]["changes"]
        return ("undo_change", {"id": listed[0]["id"]}) if listed else None


@pytest.fixture
def arenas(grounds: Callable[[], Any]) -> Iterator[Callable[..., Arena]]:
    made: list[Arena] = []

    def make(owned: Callable[..., None]) -> Arena:
        made.append(Arena(grounds(), owned))
        return made[-1]

    yield make
    for arena in made:
        arena.close()


@pytest.fixture
def victim(
    request: pytest.FixtureRequest, arenas: Callable[..., Arena], launch: Callable[..., Any]
) -> tuple[Any, Arena]:
    """The product, or what is left of it when its workers check no path and one layer of the kernel stands alone."""
    arena, layers = arenas(own), ALONE.get(request.param)
    program = {} if layers is None else {"program": UNCHECKED}
    server = launch("stdio", arena.ground, str(arena.root), "--allow-write", *(layers or ()), **program, **FAST)
    server.call("write_file", path="stash/warm", content="x")
    return server, arena


@pytest.fixture
def control(arenas: Callable[..., Arena], launch: Callable[..., Any]) -> tuple[Any, Arena]:
    arena = arenas(keep)  # without a sandbox a worker stays who it is
    arguments = (str(arena.root), "--allow-write", *ALONE["nothing"])
    return launch("stdio", arena.ground, *arguments, program=UNCHECKED, **FAST), arena


def escape(attacker: Attacker, arena: Arena, escaped: set[str]) -> None:
    """Try each tool that has not yet changed or taken anything outside."""
    arena.refill()
    for way, request in attacker.tries():
        if request is None or way in escaped:
            continue
        before, had_leaked = arena.outside_now(), arena.has_leaked()
        attacker.server.call(request[0], **request[1])
        if arena.outside_now() != before or (way == "copy from" and arena.has_leaked() and not had_leaked):
            escaped.add(way)


def refused(met: dict[str, Counter[str]]) -> int:
    return sum(codes.total() - codes["ok"] for codes in met.values())


@pytest.mark.parametrize(
    ("victim", "seconds"),
    [
        pytest.param("product", SHORT_S, id="short"),
        pytest.param("product", LONG_S, id="long", marks=pytest.mark.slow),
        pytest.param("landlock", LONG_S, id="landlock-alone", marks=pytest.mark.slow),
        pytest.param("namespaces", LONG_S, id="namespaces-alone", marks=pytest.mark.slow),
    ],
    indirect=["victim"],
)
def test_t03_t04_t05_t06_no_change_lands_outside(
    victim: tuple[Any, Arena],
    control: tuple[Any, Arena],
    guard: Callable[..., Any],
    exchanging: Callable[..., AbstractContextManager[None]],
    code: Callable[[Json], str],
    capsys: pytest.CaptureFixture[str],
    seconds: float,
) -> None:
    server, arena = victim
    attacker, unchecked = Attacker(guard(server, arena.ground)), Attacker(control[0])
    before = arena.outside_now()
    ways = [way for way, _ in unchecked.tries()]
    met: dict[str, Counter[str]] = {way: Counter() for way in ways}
    escaped: set[str] = set()
    with exchanging(arena.pair, control[1].pair):
        begun = time.monotonic()
        is_void = True
        while (now := time.monotonic()) < begun + seconds or (is_void and now < begun + seconds + MORE_S):
            arena.refill()
            tries = [(way, request) for way, request in attacker.tries() if request is not None]
            answers = server.many([request for _, request in tries])
            for (way, _), answer in zip(tries, answers, strict=True):
                met[way][code(answer)] += 1
            if len(escaped) < len(ways):
                escape(unchecked, control[1], escaped)
            is_void = len(escaped) < len(ways) or not all(codes["ok"] for codes in met.values()) or refused(met) <= 10
    made = sum(codes.total() for codes in met.values())
    assert arena.outside_now() == before, f"after {made} calls: {met}"
    assert not arena.has_leaked(), f"after {made} calls: {met}"
    assert escaped == set(ways), "void: without a check and without the kernel nothing landed outside"
    assert all(codes["ok"] for codes in met.values()), f"some tool never met the folder itself: {met}"
    assert refused(met) > 10, "the link was hardly met"
    if seconds == LONG_S:
        with capsys.disabled():
            sys.stderr.write(f"\n{made} racing changes in {seconds:.0f} s, none landed outside: {met}\n")


# -- two who want the same


@pytest.fixture(scope="module")
def rivals(grounds: Callable[[], Any], launch: Callable[..., Any]) -> tuple[Path, list[Any]]:
    """Two servers on one root, each with a client of its own."""
    ground = grounds()
    own(ground.root)
    servers = [launch(kind, ground, str(ground.root), "--allow-write", **FAST) for kind in ("stdio", "http")]
    for server in servers:
        server.call("write_file", path="warm", content="x", overwrite=True)
    return ground.root, servers


CLAIMS: dict[str, Callable[[str, str], Request]] = {
    "create": lambda name, mine: ("write_file", {"path": name, "content": mine}),
    "move": lambda name, mine: ("move_file", {"source": mine, "destination": name}),
    "copy": lambda name, mine: ("copy_file", {"source": mine, "destination": name}),
}


@pytest.mark.parametrize("ways", [("create", "create"), ("move", "move"), ("create", "move"), ("copy", "move")])
def test_t12_of_two_servers_that_claim_one_name_one_wins(rivals: tuple[Path, list[Any]], ways: tuple[str, str]) -> None:
    """What the winner put there is whole, the loser is told, and what it wanted to move is still where it was."""
    root, servers = rivals
    for number in range(ROUNDS):
        sources = [f"source{number}-{rival}-{'-'.join(ways)}" for rival in range(2)]
        for source in sources:
            (root / source).write_text(source)
            own(root / source)
        name, gate = f"goal{number}-{'-'.join(ways)}", threading.Barrier(2)

        def claim(rival: int, sources: list[str] = sources, name: str = name, gate: Any = gate) -> str:
            tool, arguments = CLAIMS[ways[rival]](name, sources[rival])
            gate.wait(10)
            return str(servers[rival].code(tool, **arguments))

        with ThreadPoolExecutor(2) as threads:
            codes = list(threads.map(claim, range(2)))
        assert sorted(codes) == ["already_exists", "ok"]
        winner = codes.index("ok")
        assert (root / name).read_text() == sources[winner]
        left = {source: (root / source).exists() for source in sources}
        assert left == {source: rival != winner or ways[rival] != "move" for rival, source in enumerate(sources)}
