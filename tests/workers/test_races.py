"""Calls while another process swaps names under them; the naive way must leak, or the run is void."""

import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import pytest

from filewarden.workers.context import Context
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.paths.space import Space
from filewarden.workers.tools import get_file_info, list_directory, search_files

Exchanging = Callable[..., AbstractContextManager[None]]
SHORT_S = 2.0
LONG_S = 12.0

CONTROL_S = 10.0

pytestmark = pytest.mark.timeout(120)


class Places(Protocol):
    root: Path
    outside: Path
    canary: str


def hammer(seconds: float, attempt: Callable[[], str], canary: str) -> tuple[int, int]:
    """Count the tries, and the canaries that came out."""
    tries = leaks = 0
    give_up_at = time.monotonic() + seconds
    while time.monotonic() < give_up_at:
        try:
            leaks += canary in attempt()
        except (OSError, ToolFailure) as error:
            if isinstance(error, ToolFailure) and error.code not in (
                Code.ACCESS_DENIED,
                Code.NOT_FOUND,
                Code.NOT_A_FILE,
                Code.NOT_A_DIRECTORY,
            ):
                raise
        tries += 1
    return tries, leaks


def require_a_leak(control: Callable[[], str], secret: str) -> None:
    """The negative control: where the naive way does not fail, a race proves nothing."""
    give_up_at = time.monotonic() + CONTROL_S
    while time.monotonic() < give_up_at:
        if hammer(0.1, control, secret)[1]:
            return
    pytest.fail("void: the naive way did not fail")


DURATIONS = [
    pytest.param(SHORT_S, id="short"),
    pytest.param(LONG_S, id="long", marks=pytest.mark.slow),
]


def read(space: Space, path: str) -> str:
    with space.open_file(path) as handle:
        return os.read(handle.fd, 1000).decode()


@pytest.mark.parametrize("seconds", DURATIONS)
def test_t01_the_last_name_is_swapped_for_a_link_out(
    space: Space, places: Places, exchanging: Exchanging, naive: Any, seconds: float
) -> None:
    root = places.root
    (root / "f").write_text("harmless")
    (root / "link").symlink_to(places.outside / "canary.txt")
    with exchanging((root / "f", root / "link")):
        require_a_leak(lambda: naive.read(root, "f"), places.canary)
        tries, leaks = hammer(seconds, lambda: read(space, "f"), places.canary)
    assert leaks == 0
    assert tries > 1000


@pytest.mark.parametrize("seconds", DURATIONS)
def test_t02_a_folder_on_the_way_is_swapped_for_a_link_out(
    space: Space, places: Places, exchanging: Exchanging, naive: Any, seconds: float
) -> None:
    root = places.root
    (root / "d").mkdir()
    (root / "d" / "canary.txt").write_text("harmless")
    (root / "link").symlink_to(places.outside)
    with exchanging((root / "d", root / "link")):
        require_a_leak(lambda: naive.read(root, "d/canary.txt"), places.canary)
        tries, leaks = hammer(seconds, lambda: read(space, "d/canary.txt"), places.canary)
    assert leaks == 0
    assert tries > 1000


@pytest.mark.parametrize("seconds", DURATIONS)
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
        listed = list_directory.run(context, list_directory.ListDirectory(path="n25/d"))
        return repr((found, listed))

    def describe() -> str:
        return repr(get_file_info.run(context, get_file_info.GetFileInfo(path=f"n25/d/{places.canary}")).type)

    with exchanging((root / "n25" / "d", root / "link")):
        require_a_leak(lambda: naive.list(root, "n25/d"), places.canary)
        tries, leaks = hammer(seconds, attempt, places.canary)
        described = hammer(seconds / 4, describe, "file")[1]
    assert (leaks, described) == (0, 0)
    assert tries > 20


@pytest.mark.parametrize("seconds", DURATIONS)
def test_l21_a_pipe_swapped_in_never_blocks(
    space: Space, places: Places, exchanging: Exchanging, naive: Any, seconds: float
) -> None:
    root = places.root
    (root / "f").write_text("harmless")
    os.mkfifo(root / "p")
    longest = 0.0
    with exchanging((root / "f", root / "p")):
        require_a_leak(lambda: naive.kind(root, "f"), "a pipe")
        give_up_at = time.monotonic() + seconds
        while time.monotonic() < give_up_at:
            begun = time.monotonic()
            try:
                assert read(space, "f") == "harmless"
            except ToolFailure as failure:
                if failure.code is not Code.UNSUPPORTED:
                    raise
            longest = max(longest, time.monotonic() - begun)
    assert longest < 1.0


@pytest.mark.parametrize("seconds", DURATIONS)
def test_l11_a_denied_file_swapped_in_is_never_read(
    open_space: Callable[..., Space], places: Places, exchanging: Exchanging, naive: Any, seconds: float
) -> None:
    root = places.root
    (root / "f").write_text("harmless")
    (root / ".env").write_text(places.canary)
    (root / "link").symlink_to(".env")
    space = open_space(deny=(".env",))
    with exchanging((root / "f", root / "link")):
        require_a_leak(lambda: naive.read_unless_named(root, "f", ".env"), places.canary)
        tries, leaks = hammer(seconds, lambda: read(space, "f"), places.canary)
    assert leaks == 0
    assert tries > 1000
