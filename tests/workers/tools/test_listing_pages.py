"""Whatever a folder holds, and whatever comes and goes meanwhile, its pages hold what stayed exactly once."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from filewarden.workers.context import Context
from filewarden.workers.limits import Limits
from filewarden.workers.paths.names import parse
from filewarden.workers.paths.root import open_root
from filewarden.workers.paths.space import Space
from filewarden.workers.tools import list_directory
from filewarden.workers.tools.list_directory import ListDirectory, Listing

NAMES = st.one_of(
    st.text("aAbB1. é\u0301ßẞ", min_size=1, max_size=6).map(str.encode),
    st.binary(min_size=1, max_size=5).map(lambda name: name.replace(b"\0", b"\n").replace(b"/", b"\xff")),
).filter(lambda name: name not in (b".", b".."))
BUDGET = 1200
"""Characters: the envelope and a handful of entries."""


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Space]:
    top = tmp_path_factory.mktemp("pages")
    root = open_root("R", str(top))
    yield Space((root,))
    os.close(root.fd)


def run(context: Context, arguments: ListDirectory) -> Listing:
    return list_directory.run(context, arguments).unfold()


def fresh(space: Space) -> bytes:
    """An empty folder in the root."""
    folder = Path(space.roots[0].path) / "f"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return os.fsencode(folder)


def make(folder: bytes, name: bytes, number: int) -> None:
    path = folder + b"/" + name
    if number % 4 == 0:
        os.mkdir(path)
    else:
        with open(path, "wb") as file:
            file.write(b"x" * (number % 3))
        os.utime(path, (1_000_000_000 + number % 5, 1_000_000_000 + number % 5))


def remove(folder: bytes, name: bytes) -> None:
    path = folder + b"/" + name
    (os.rmdir if os.path.isdir(path) else os.unlink)(path)


def page(space: Space, sort_by: str, cursor: str | None) -> Listing:
    context = Context(space, Limits(1, 1, BUDGET, 1), time.monotonic() + 60)
    listing = run(
        context,
        msgspec.convert({"path": "f", "show_hidden": True, "sort_by": sort_by, "cursor": cursor}, ListDirectory),
    )
    assert len(msgspec.json.encode(listing).decode()) <= BUDGET or listing.total == 1
    assert listing.total == len(listing.entries)
    return listing


@settings(max_examples=30, deadline=None)
@given(data=st.data(), sort_by=st.sampled_from(["name", "size", "modified"]))
def test_what_stays_is_listed_once_while_others_come_and_go(space: Space, data: st.DataObject, sort_by: str) -> None:
    folder = fresh(space)
    there = data.draw(st.sets(NAMES, max_size=25))
    for number, name in enumerate(sorted(there)):
        make(folder, name, number)
    stayed, ever = set(there), set(there)
    listed: list[bytes] = []
    cursor: str | None = None
    while True:
        listing = page(space, sort_by, cursor)
        listed += [parse(entry.name) for entry in listing.entries]
        if isinstance(listing.next_cursor, msgspec.UnsetType):
            break
        assert listing.truncated
        assert listing.entries, "every page goes on"
        cursor = listing.next_cursor
        for name in data.draw(st.sets(st.sampled_from(sorted(stayed)), max_size=2)) if stayed else set():
            remove(folder, name)
            stayed.discard(name)
        for name in data.draw(st.sets(NAMES, max_size=2)) - ever:
            make(folder, name, data.draw(st.integers(0, 9)))
            ever.add(name)
    assert len(listed) == len(set(listed)), "listed twice"
    assert stayed <= set(listed) <= ever


@settings(max_examples=20, deadline=None)
@given(names=st.sets(NAMES, max_size=25), sort_by=st.sampled_from(["name", "size", "modified"]))
def test_pages_are_the_whole_in_its_order(space: Space, names: set[bytes], sort_by: str) -> None:
    folder = fresh(space)
    for number, name in enumerate(sorted(names)):
        make(folder, name, number)
    context = Context(space, Limits(1, 1, 1_000_000, 1), time.monotonic() + 60)
    whole = run(context, msgspec.convert({"path": "f", "show_hidden": True, "sort_by": sort_by}, ListDirectory))
    paged = []
    cursor: str | None = ""
    while cursor is not None:
        listing = page(space, sort_by, cursor or None)
        paged += listing.entries
        cursor = None if isinstance(listing.next_cursor, msgspec.UnsetType) else listing.next_cursor
    assert paged == whole.entries
    assert {parse(entry.name) for entry in paged} == names
