"""Section T: another process exchanges names as fast as it can; the naive check in the same loop must leak."""

import ctypes
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

RENAME_EXCHANGE = 2
AT_FDCWD = -100
CONTROLS_A_TRY = 20
MORE_FOR_THE_CONTROL_S = 10.0

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="renameat2 is Linux's"),
    pytest.mark.timeout(180),
]
DURATIONS = [pytest.param(2.0, id="short"), pytest.param(30.0, id="long", marks=pytest.mark.slow)]
OTHER_DURATIONS = [pytest.param(2.0, id="short"), pytest.param(8.0, id="long", marks=pytest.mark.slow)]
ON_ONE_TRANSPORT = pytest.mark.parametrize(
    "transport", ["stdio", pytest.param("http", marks=pytest.mark.slow)], indirect=True
)
Naive = Callable[[], object]


@contextmanager
def exchanging(*pairs: tuple[Path, Path]) -> Iterator[None]:
    """Exchange pairs of names in another process, until left."""
    libc = ctypes.CDLL(None, use_errno=True)
    texts = [(os.fsencode(one), os.fsencode(two)) for one, two in pairs]
    for one, two in texts:
        if libc.renameat2(AT_FDCWD, one, AT_FDCWD, two, RENAME_EXCHANGE) != 0:
            pytest.skip("this file system cannot exchange names")
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        while os.getppid() == parent:
            for _ in range(200):
                for one, two in texts:
                    libc.renameat2(AT_FDCWD, one, AT_FDCWD, two, RENAME_EXCHANGE)
        os._exit(0)
    try:
        yield
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)


def check_then_open(root: Path, path: str) -> str:
    """The negative control: resolve, compare the prefix, open by name."""
    resolved = os.path.realpath(root / path)
    if not resolved.startswith(f"{os.path.realpath(root)}/"):
        return ""
    return (root / path).read_text()


def check_then_list(root: Path, path: str) -> str:
    resolved = os.path.realpath(root / path)
    if not resolved.startswith(f"{os.path.realpath(root)}/"):
        return ""
    return " ".join(os.listdir(root / path))


def race(seconds: float, secret: str, attempt: Naive, control: Callable[[], str]) -> int:
    """The number of tries; no answer of ours may hold the secret, and at least one of the control must."""
    tries = leaks = leaks_of_control = 0
    begun = time.monotonic()
    while (now := time.monotonic()) < begun + seconds or (
        not leaks_of_control and now < begun + seconds + MORE_FOR_THE_CONTROL_S
    ):
        leaks += secret in str(attempt())
        tries += 1
        for _ in range(CONTROLS_A_TRY):
            try:
                leaks_of_control += secret in control()
            except OSError:
                continue
    assert leaks == 0, f"{leaks} of {tries} answers leaked"
    assert leaks_of_control, "void: the naive check did not leak"
    return tries


@pytest.mark.parametrize("seconds", DURATIONS)
def test_t01_read_last_component_swapped(client: Any, ground: Any, folder: Path, seconds: float) -> None:
    (folder / "f").write_text("harmless")
    (folder / "link").symlink_to(ground.hook)
    path = f"{folder.name}/f"
    with exchanging((folder / "f", folder / "link")):
        tries = race(
            seconds,
            ground.canary,
            lambda: client.call("read_file", path=path),
            lambda: check_then_open(ground.root, path),
        )
    assert tries > 100


@pytest.mark.parametrize("seconds", DURATIONS)
def test_t02_read_middle_component_swapped(client: Any, ground: Any, folder: Path, seconds: float) -> None:
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
        tries = race(seconds, ground.canary, attempt, lambda: check_then_open(ground.root, path))
    assert tries > 50


@pytest.mark.parametrize("seconds", OTHER_DURATIONS)
def test_t07_search_and_list_while_directories_swap(client: Any, ground: Any, folder: Path, seconds: float) -> None:
    for number in range(1000 if seconds > 10 else 100):
        (folder / f"n{number:03}" / "d").mkdir(parents=True)
        (folder / f"n{number:03}" / "d" / "inside.txt").touch()
    (folder / "link").symlink_to(ground.outside)
    path = f"{folder.name}/n050/d"

    def attempt() -> object:
        found = client.call("search_files", path=folder.name, pattern="**/*", respect_gitignore=False, max_results=200)
        return [client.call("list_directory", path=path), found, client.call("search_files", path=path, pattern="*")]

    with exchanging((folder / "n050" / "d", folder / "link")):
        tries = race(seconds, ground.secret_name, attempt, lambda: check_then_list(ground.root, path))
    assert tries > 10


@ON_ONE_TRANSPORT
@pytest.mark.parametrize("seconds", OTHER_DURATIONS)
def test_t08_a_directory_moved_out_during_the_walk(client: Any, ground: Any, folder: Path, seconds: float) -> None:
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
    try:
        with exchanging((deep / "b", moved)):
            give_up_at = time.monotonic() + seconds
            tries = 0
            while time.monotonic() < give_up_at:
                found = client.call("search_files", path=folder.name, pattern="**/*", max_results=200)
                listed = client.call("list_directory", path=f"{folder.name}/deep/a/b/c3/..")
                climbed = client.call("list_directory", path=f"{folder.name}/deep/a/b/../../../..")
                for result in (found, listed, climbed):
                    assert str(ground.canary) not in str(result)
                    assert '"OUT"' not in str(result)
                    assert "R-evil" not in str(result)
                tries += 1
    finally:
        (ground.base / secret).unlink()
        for path in (moved, deep / "b"):
            (path / secret).unlink(missing_ok=True)
        shutil.rmtree(moved)
    assert tries > 20


@ON_ONE_TRANSPORT
@pytest.mark.parametrize("seconds", OTHER_DURATIONS)
def test_t09_the_root_replaced(
    transport: str, launch: Callable[..., Any], grounds: Callable[[], Any], guard: Callable[..., Any], seconds: float
) -> None:
    ground = grounds()
    ground.write(ground.root / "canary.txt", "harmless")
    server = guard(launch(transport, ground, str(ground.root)), ground)
    (ground.base / "link").symlink_to("OUT")
    with exchanging((ground.root, ground.base / "link")):
        tries = race(
            seconds,
            ground.canary,
            lambda: server.call("read_file", path="canary.txt"),
            lambda: (ground.base / "R" / "canary.txt").read_text(),
        )
    if ground.root.is_symlink():
        os.replace(ground.base / "link", ground.base / "was")
        ground.root.unlink()
        (ground.base / "was").rename(ground.root)
    assert tries > 50


@ON_ONE_TRANSPORT
@pytest.mark.parametrize("seconds", OTHER_DURATIONS)
def test_l21_a_pipe_swapped_in_after_the_check(client: Any, folder: Path, seconds: float) -> None:
    (folder / "f").write_text("harmless")
    os.mkfifo(folder / "p", 0o644)
    longest = 0.0
    with exchanging((folder / "f", folder / "p")):
        give_up_at = time.monotonic() + seconds
        while time.monotonic() < give_up_at:
            begun = time.monotonic()
            assert client.code("read_file", path=f"{folder.name}/f") in ("ok", "unsupported")
            longest = max(longest, time.monotonic() - begun)
    assert longest < 1.0
