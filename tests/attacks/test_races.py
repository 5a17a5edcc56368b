"""Section T: another process exchanges names as fast as it can; the naive check in the same loop must leak."""

import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.drivers.busy import BUSY_S

CONTROLS_A_TRY = 20
CONTROLS_LATER = 5000
"""Of one that has not leaked yet: with few processors the names are seldom exchanged in the midst of it."""
MORE_S = 40.0

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
LONG = pytest.param("stdio", 30.0, id="stdio-long", marks=pytest.mark.slow)
BOTH_SHORT = [pytest.param("stdio", 2.0, id="stdio"), pytest.param("http", 2.0, id="http")]
ONE_SHORT = [BOTH_SHORT[0], pytest.param("http", 2.0, id="http", marks=pytest.mark.slow)]
ON_EACH = pytest.mark.parametrize(("transport", "seconds"), [*BOTH_SHORT, LONG], indirect=["transport"])
ON_ONE = pytest.mark.parametrize(("transport", "seconds"), [*ONE_SHORT, LONG], indirect=["transport"])
"""What is raced happens in a worker, so the long run takes one transport, and most short ones too."""
Exchanging = Callable[..., AbstractContextManager[None]]
Control = Callable[[], str]


def race(seconds: float, enough: int, secret: str, attempt: Callable[[], object], control: Control) -> int:
    """The number of tries; no answer of ours may hold the secret, and at least one of the control must.

    A busy machine gets more time for more than `enough` tries.
    """
    tries = leaks = leaks_of_control = 0
    begun = time.monotonic()
    while (now := time.monotonic()) < begun + seconds or (
        (not leaks_of_control or tries <= enough) and now < begun + seconds + MORE_S
    ):
        leaks += secret in str(attempt())
        tries += 1
        leaks_of_control += failures_of(control, secret, CONTROLS_A_TRY if now < begun + seconds else CONTROLS_LATER)
    assert leaks == 0, f"{leaks} of {tries} answers leaked"
    assert leaks_of_control, "void: the naive check did not leak"
    return tries


def failures_of(control: Control, secret: str, tries: int = CONTROLS_A_TRY) -> int:
    found = 0
    for _ in range(tries):
        try:
            found += secret in control()
        except OSError:
            continue
    return found


@ON_EACH
def test_t01_read_last_component_swapped(
    client: Any, ground: Any, folder: Path, exchanging: Exchanging, naive: Any, seconds: float
) -> None:
    (folder / "f").write_text("harmless")
    (folder / "link").symlink_to(ground.hook)
    path = f"{folder.name}/f"
    with exchanging((folder / "f", folder / "link")):
        tries = race(
            seconds,
            100,
            ground.canary,
            lambda: client.call("read_file", path=path),
            lambda: naive.read(ground.root, path),
        )
    assert tries > 100


@ON_EACH
def test_t02_read_middle_component_swapped(
    client: Any, ground: Any, folder: Path, exchanging: Exchanging, naive: Any, seconds: float
) -> None:
    (folder / "d").mkdir()
    (folder / "d" / "canary.txt").write_text("harmless")
    (folder / "link").symlink_to("../../OUT")
    path = f"{folder.name}/d/canary.txt"

    def attempt() -> object:
        info = client.call("get_file_info", path=path)
        size = 0 if info.get("isError") else info["structuredContent"]["size"]
        assert size in (0, len("harmless"))
        return client.call("read_file", path=path)

    with exchanging((folder / "d", folder / "link")):
        tries = race(seconds, 50, ground.canary, attempt, lambda: naive.read(ground.root, path))
    assert tries > 50


@ON_EACH
def test_t07_search_and_list_while_directories_swap(
    client: Any, ground: Any, folder: Path, exchanging: Exchanging, naive: Any, seconds: float
) -> None:
    for number in range(1000 if seconds > 10 else 100):
        (folder / f"n{number:03}" / "d").mkdir(parents=True)
        (folder / f"n{number:03}" / "d" / "inside.txt").touch()
    (folder / "link").symlink_to(ground.outside)
    path = f"{folder.name}/n050/d"

    def attempt() -> object:
        found = client.call("search_files", path=folder.name, pattern="**/*", respect_gitignore=False, max_results=200)
        shown = client.call("directory_tree", path=folder.name, depth=9)
        text = client.call("search_text", path=folder.name, pattern="[0-9a-f]{64}", regex=True, mode="files")
        assert text["structuredContent"]["matches"] == []
        listed = client.call("list_directory", path=path), client.call("search_files", path=path, pattern="*")
        return [*listed, found, shown]

    with exchanging((folder / "n050" / "d", folder / "link")):
        tries = race(seconds, 3, ground.secret_name, attempt, lambda: naive.list(ground.root, path))
    assert tries > 3


@ON_ONE
def test_t08_a_directory_moved_out_during_the_walk(
    client: Any, ground: Any, folder: Path, exchanging: Exchanging, naive: Any, seconds: float
) -> None:
    """The walk never goes on above or beside: not even where a folder that it stood in now lies outside."""
    deep = folder / "deep" / "a"
    for number in range(30):
        (deep / "b" / f"c{number}").mkdir(parents=True)
        (deep / "b" / f"c{number}" / "inside.txt").touch()
    moved = ground.base / f"moved-{folder.name}"
    moved.mkdir()
    secret = f"beside-{folder.name}"
    (ground.base / secret).touch()
    (moved / secret).touch()
    inner = f"{folder.name}/deep/a/b/c3"

    def attempt() -> object:
        found = client.call("search_files", path=folder.name, pattern="**/*", max_results=200)
        listed = client.call("list_directory", path=f"{inner}/..")
        climbed = client.call("list_directory", path=f"{inner}/../../../../..")
        answers = str((found, listed, climbed))
        assert ground.canary not in answers
        assert "R-evil" not in answers
        return answers

    try:
        with exchanging((deep / "b", moved)):
            tries = race(
                seconds,
                20,
                '"OUT"',
                attempt,
                lambda: f'"{naive.climb(ground.root, inner, "../..")}"'.replace(" ", '" "'),
            )
    finally:
        (ground.base / secret).unlink()
        for path in (moved, deep / "b"):
            (path / secret).unlink(missing_ok=True)
        shutil.rmtree(moved)
    assert tries > 20


@ON_ONE
def test_t09_the_root_replaced(
    transport: str,
    launch: Callable[..., Any],
    grounds: Callable[[], Any],
    guard: Callable[..., Any],
    exchanging: Exchanging,
    seconds: float,
) -> None:
    ground = grounds()
    ground.write(ground.root / "canary.txt", "harmless")
    server = guard(launch(transport, ground, str(ground.root)), ground)
    (ground.base / "link").symlink_to("OUT")
    with exchanging((ground.root, ground.base / "link")):
        tries = race(
            seconds,
            50,
            ground.canary,
            lambda: server.call("read_file", path="canary.txt"),
            lambda: (ground.base / "R" / "canary.txt").read_text(),
        )
    if ground.root.is_symlink():
        os.replace(ground.base / "link", ground.base / "was")
        ground.root.unlink()
        (ground.base / "was").rename(ground.root)
    assert tries > 50


@ON_ONE
def test_l21_a_pipe_swapped_in_after_the_check(
    client: Any, ground: Any, folder: Path, exchanging: Exchanging, naive: Any, seconds: float
) -> None:
    (folder / "f").write_text("harmless")
    os.mkfifo(folder / "p", 0o644)
    path = f"{folder.name}/f"

    def attempt() -> object:
        begun = time.monotonic()
        code = client.code("read_file", path=path)
        assert code in ("ok", "unsupported")
        assert time.monotonic() - begun < 1.0 + BUSY_S
        return code

    with exchanging((folder / "f", folder / "p")):
        race(seconds, 0, "a pipe", attempt, lambda: naive.kind(ground.root, path))


@ON_ONE
def test_l11_c07_a_denied_file_swapped_in(
    client: Any, ground: Any, folder: Path, exchanging: Exchanging, naive: Any, seconds: float
) -> None:
    (folder / "f").write_text("harmless")
    (folder / "link").symlink_to("../.env")
    path = f"{folder.name}/f"
    with exchanging((folder / "f", folder / "link")):
        tries = race(
            seconds,
            50,
            ground.canary,
            lambda: client.call("read_file", path=path),
            lambda: naive.read_unless_named(ground.root, path, ".env"),
        )
    assert tries > 50


ALLOWED_CODES = {"ok", "access_denied", "not_found", "not_a_directory", "not_a_file", "unsupported"}
BATCH = 24
"""Calls in flight at once: below the share of one client, so that none is turned away."""


@pytest.mark.slow
@pytest.mark.parametrize("wanted", [pytest.param(100_000, id="100000")])
@pytest.mark.parametrize("transport", ["stdio"], indirect=True)
@pytest.mark.timeout(600)
def test_t01_t02_t07_a_hundred_thousand_racing_calls(
    client: Any,
    ground: Any,
    folder: Path,
    exchanging: Exchanging,
    naive: Any,
    code: Callable[..., str],
    capsys: pytest.CaptureFixture[str],
    wanted: int,
) -> None:
    """Reads, listings, infos and searches at a file and at a folder that are swapped for links out all the time."""
    name = folder.name
    (folder / "f").write_text("harmless")
    (folder / "file-link").symlink_to(ground.hook)
    (folder / "d").mkdir()
    (folder / "d" / "canary.txt").write_text("harmless")
    (folder / "folder-link").symlink_to(ground.outside)
    calls: list[tuple[str, dict[str, Any]]] = [
        ("read_file", {"path": f"{name}/f"}),
        ("read_file", {"path": f"{name}/d/canary.txt"}),
        ("list_directory", {"path": f"{name}/d"}),
        ("get_file_info", {"path": f"{name}/d/canary.txt"}),
        ("search_files", {"path": f"{name}/d", "pattern": "*"}),
        ("search_files", {"path": name, "pattern": "**/*", "respect_gitignore": False}),
    ]
    size_outside = f"'size': {len(ground.canary)}"
    made: Counter[str] = Counter()
    leaks = leaks_of_control = 0
    begun = time.monotonic()
    with exchanging((folder / "f", folder / "file-link"), (folder / "d", folder / "folder-link")):
        while made.total() < wanted:
            answers = client.many(calls * (BATCH // len(calls)))
            client.traffic.clear()
            made.update(code(answer) for answer in answers)
            text = str(answers)
            leaks += ground.canary in text or ground.secret_name in text or size_outside in text
            leaks_of_control += failures_of(lambda: naive.read(ground.root, f"{name}/f"), ground.canary)
            leaks_of_control += failures_of(lambda: naive.list(ground.root, f"{name}/d"), ground.secret_name)
    with capsys.disabled():
        sys.stderr.write(
            f"\n{made.total()} racing calls over {client.kind} in {time.monotonic() - begun:.0f} s: {leaks} leaks "
            f"({leaks_of_control} by the naive check beside them); outcomes {dict(made)}\n"
        )
    assert made.total() >= wanted
    assert set(made) <= ALLOWED_CODES
    assert made["ok"] > wanted / 10
    assert made["access_denied"] + made["not_found"] > wanted / 100
    assert leaks_of_control, "void: the naive check did not leak"
    assert leaks == 0
