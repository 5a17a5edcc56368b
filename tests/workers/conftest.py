import os
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from filewarden.broker import shelf as broker
from filewarden.config.protected import CODE_EXECUTION
from filewarden.workers.arguments import ArgumentCheck
from filewarden.workers.context import Context
from filewarden.workers.limits import Limits
from filewarden.workers.paths import openat2
from filewarden.workers.paths.kernel_resolver import KernelResolver
from filewarden.workers.paths.resolution import Resolver
from filewarden.workers.paths.root import Root, open_root
from filewarden.workers.paths.space import Space
from filewarden.workers.paths.walking_resolver import WalkingResolver
from filewarden.workers.rules.protection import protection
from filewarden.workers.rules.write_rules import WriteRules
from filewarden.workers.shelf import Shelf, shelf_of
from filewarden.workers.tool import Tool

DESCRIPTORS = Path("/proc/self/fd")


class Places(msgspec.Struct, frozen=True):
    """An allowed folder, the forbidden one beside it, and the secret in that."""

    root: Path
    outside: Path
    canary: str


@pytest.fixture
def places(tmp_path: Path) -> Places:
    made = Places(tmp_path / "R", tmp_path / "OUT", secrets.token_hex(32))
    made.root.mkdir()
    for folder in (made.outside, tmp_path / "R-evil", tmp_path / "R ", tmp_path / "R.", tmp_path / "r"):
        folder.mkdir()
        (folder / "canary.txt").write_text(made.canary)
    (made.root / "a.txt").write_text("alpha\n")
    (made.root / "sub" / "deep").mkdir(parents=True)
    (made.root / "sub" / "b.py").write_text("b = 1\n")
    (made.root / "sub" / "deep" / "c.py").write_text("c = 1\n")
    return made


@pytest.fixture
def root(places: Places) -> Path:
    return places.root


@pytest.fixture(params=["openat2", "walker"])
def resolver(request: pytest.FixtureRequest) -> Resolver:
    if request.param == "walker":
        return WalkingResolver()
    if not openat2.is_available():
        pytest.skip("this kernel has no openat2")
    return KernelResolver()


OpenSpace = Callable[..., Space]


def open_files() -> Counter[tuple[int, int]]:
    """The files (device, inode) that this process holds open, each with the number of its descriptors."""
    held: Counter[tuple[int, int]] = Counter()
    with os.scandir(DESCRIPTORS) as entries:
        for entry in entries:
            status = entry.stat()
            held[status.st_dev, status.st_ino] += 1
    return held


@pytest.fixture
def open_space(root: Path, resolver: Resolver) -> Iterator[OpenSpace]:
    """Make spaces over `root` (or given roots); afterwards no descriptor may be left open."""
    opened: list[Root] = []
    before = open_files()

    def make(
        *roots: Root,
        deny: tuple[str, ...] = (),
        denied: frozenset[tuple[int, int]] = frozenset(),
        writable: bool = False,
    ) -> Space:
        chosen = roots or (open_root("R", str(root), deny=deny, writable=writable),)
        opened.extend(chosen)
        return Space(chosen, denied, resolver=resolver)

    yield make
    for one in opened:
        os.close(one.fd)
    # What an earlier test left to the collector may go meanwhile, and a file may be held by another number than before.
    assert open_files() <= before, "a descriptor was left open"


@pytest.fixture
def space(open_space: OpenSpace) -> Space:
    return open_space()


MakeContext = Callable[..., Context]


@pytest.fixture
def make_context() -> MakeContext:
    def make(
        space: Space,
        *,
        max_file_bytes: int = 1048576,
        max_media_bytes: int = 1048576,
        max_answer_chars: int = 40000,
        max_results: int = 200,
        seconds: float = 60.0,
    ) -> Context:
        return Context(
            space, Limits(max_file_bytes, max_media_bytes, max_answer_chars, max_results), time.monotonic() + seconds
        )

    return make


Run = Callable[..., Any]


@pytest.fixture
def writable(open_space: OpenSpace, make_context: MakeContext) -> Context:
    """A context over a root that may be written to, under the usual rules but without a floor of free space."""
    rules = WriteRules(protection=protection(CODE_EXECUTION))
    return msgspec.structs.replace(make_context(open_space(writable=True)), writing=rules)


@pytest.fixture
def run() -> Run:
    """Call a tool as a client would: by its arguments' names, after their check."""

    def call(context: Context, tool: Tool, **arguments: Any) -> Any:
        return tool.run(context, ArgumentCheck(tool)(msgspec.json.encode(arguments)))

    return call


@pytest.fixture
def context(space: Space, make_context: MakeContext) -> Context:
    return make_context(space)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Move the clock, so that stamps are old enough to be trusted."""
    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() + 3_000_000_000)


@pytest.fixture
def ours() -> Iterator[broker.Shelf]:
    """The broker's end of a shelf."""
    shelf = broker.Shelf()
    yield shelf
    shelf.close()


@pytest.fixture
def theirs(ours: broker.Shelf) -> Shelf:
    """The worker's end of it."""
    shelf = shelf_of([os.dup(ours.fd)])
    assert shelf is not None
    return shelf
