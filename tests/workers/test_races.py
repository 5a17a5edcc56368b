"""Calls while another process swaps names under them; the naive way must leak beside them, or the run is void.

The races of one window take turns, a slice of it each: what is swapped is swapped all the time, for all of them.
"""

import os
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pytest

from filewarden.workers.context import Context
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.paths.space import Space
from filewarden.workers.tools import get_file_info, list_directory, search_files

Exchanging = Callable[..., AbstractContextManager[None]]
SHORT_S, LONG_S = 2.0, 30.0
SLICE_S = 0.05
CONTROL_SLICE_S = 0.01
MORE_S = 40.0
LONGEST_S = 5.0
"""No attempt may take longer, however busy the machine: a pipe that is opened would block for ever."""
REFUSALS = {Code.ACCESS_DENIED, Code.NOT_FOUND, Code.NOT_A_FILE, Code.NOT_A_DIRECTORY, Code.UNSUPPORTED}
DURATIONS = pytest.mark.parametrize(
    "seconds", [pytest.param(SHORT_S, id="short"), pytest.param(LONG_S, id="long", marks=pytest.mark.slow)]
)

pytestmark = pytest.mark.timeout(120)


class Places(Protocol):
    root: Path
    outside: Path
    canary: str


class Race(NamedTuple):
    """Two names that are exchanged, and what must not come out meanwhile: of our attempt; of the control it must."""

    pair: tuple[Path, Path]
    secret: str
    attempt: Callable[[], str]
    control: Callable[[], str]


def hammer(seconds: float, attempt: Callable[[], str], secret: str) -> Counter[str]:
    """Count the tries, the answers, and the secrets in them."""
    found = Counter[str]()
    give_up_at = time.monotonic() + seconds
    while (begun := time.monotonic()) < give_up_at:
        found["tries"] += 1
        try:
            found["leaks"] += secret in attempt()
            found["answers"] += 1
        except OSError:
            continue  # the control, which met a link that led nowhere just then
        except ToolFailure as failure:
            if failure.code not in REFUSALS:
                raise
        assert time.monotonic() - begun < LONGEST_S
    return found


def met_both(found: Counter[str]) -> bool:
    """Whether both of the names that are exchanged were there at times."""
    return 0 < found["answers"] < found["tries"]


def run_together(races: dict[str, Race], seconds: float, exchanging: Exchanging) -> dict[str, Counter[str]]:
    """Run all of them for so long, and until each control has leaked and ours has met both; what came of each."""
    ours = {name: Counter[str]() for name in races}
    controls = {name: Counter[str]() for name in races}
    with exchanging(*(race.pair for race in races.values())):
        begun = time.monotonic()
        while (now := time.monotonic()) < begun + seconds or (
            not (all(map(met_both, ours.values())) and all(found["leaks"] for found in controls.values()))
            and now < begun + seconds + MORE_S
        ):
            for name, race in races.items():
                ours[name] += hammer(SLICE_S, race.attempt, race.secret)
                controls[name] += hammer(CONTROL_SLICE_S, race.control, race.secret)
    for name in races:
        assert controls[name]["leaks"], f"void: the naive way did not leak in {name}"
        assert ours[name]["leaks"] == 0, f"{name}: {ours[name]}"
        assert met_both(ours[name]), f"{name} met only one of the two: {ours[name]}"
    print(f"\nracing for {seconds:.0f} s: {ours}, of the controls {controls}")  # noqa: T201 # the record of a run
    return ours


def read(space: Space, path: str) -> str:
    with space.open_file(path) as handle:
        return os.read(handle.fd, 1000).decode()


@DURATIONS
def test_t01_t02_l11_l21_names_are_swapped(
    open_space: Callable[..., Space], places: Places, exchanging: Exchanging, naive: Any, seconds: float
) -> None:
    root, canary = places.root, places.canary
    for name in ("t01", "l11", "l21"):
        (root / name).write_text("harmless")
    (root / "t02").mkdir()
    (root / "t02" / "canary.txt").write_text("harmless")
    (root / ".env").write_text(canary)
    (root / "file-link").symlink_to(places.outside / "canary.txt")
    (root / "folder-link").symlink_to(places.outside)
    (root / "denied-link").symlink_to(".env")
    os.mkfifo(root / "pipe")
    space = open_space(deny=(".env",))

    def race(swapped: str, other: str, path: str, control: Callable[[], str], secret: str = canary) -> Race:
        return Race((root / swapped, root / other), secret, lambda: read(space, path), control)

    races = {
        "t01": race("t01", "file-link", "t01", lambda: naive.read(root, "t01")),
        "t02": race("t02", "folder-link", "t02/canary.txt", lambda: naive.read(root, "t02/canary.txt")),
        "l11": race("l11", "denied-link", "l11", lambda: naive.read_unless_named(root, "l11", ".env")),
        "l21": race("l21", "pipe", "l21", lambda: naive.kind(root, "l21"), "a pipe"),
    }
    found = run_together(races, seconds, exchanging)
    fewest = 10_000 if seconds == LONG_S else 200
    assert all(counted["tries"] > fewest for counted in found.values()), found


@DURATIONS
def test_t07_folders_are_swapped_during_lists_and_searches(
    context: Context, places: Places, exchanging: Exchanging, naive: Any, seconds: float
) -> None:
    root = places.root
    (places.outside / places.canary).touch()
    for number in range(50):
        (root / f"n{number}" / "d").mkdir(parents=True)
    (root / "link").symlink_to(places.outside)

    def attempt() -> str:
        found = search_files.run(context, search_files.SearchFiles(pattern="*", recursive=True, max_results=200))
        listed = list_directory.run(context, list_directory.ListDirectory(path="n25/d")).unfold()
        return repr((found, listed))

    def describe() -> str:
        return repr(get_file_info.run(context, get_file_info.GetFileInfo(path=f"n25/d/{places.canary}")).type)

    pair = root / "n25" / "d", root / "link"

    def control() -> str:
        return str(naive.list(root, "n25/d"))

    with exchanging(pair):
        described = hammer(seconds / 4, describe, "file")["leaks"]
    found = run_together({"t07": Race(pair, places.canary, attempt, control)}, seconds, exchanging)
    assert described == 0
    assert found["t07"]["tries"] > 20
