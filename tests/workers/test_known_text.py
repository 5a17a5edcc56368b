"""A large file that is read again, with both ends of the shelf in one process."""

import mmap
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from filewarden.broker import shelf as broker
from filewarden.workers.context import Context
from filewarden.workers.paths import handle
from filewarden.workers.paths.space import Space
from filewarden.workers.reading import known_text
from filewarden.workers.shelf import SHELF_BYTES, Shelf
from filewarden.workers.text.text_facts import TextFacts
from filewarden.workers.tool import Text
from filewarden.workers.tools.read_file import ReadFile, run

Read = Callable[..., Text]
PLAIN = b"a line\n" * 30_000
WIDE = "\u00fc\u20ac\U0001f600\n".encode() * 30_000
"""Whose characters lie across the pieces in which it is looked at."""


@pytest.fixture
def read(theirs: Shelf, space: Space, make_context: Callable[..., Context], monkeypatch: pytest.MonkeyPatch) -> Read:
    monkeypatch.setattr(handle, "COARSEST_CLOCK_NS", -1)
    context = msgspec.structs.replace(make_context(space), shelf=theirs)

    def read(name: str = "file", **arguments: Any) -> Text:
        answer = run(context, msgspec.convert({"path": name, **arguments}, ReadFile))
        assert isinstance(answer, Text)
        return Text(answer.text, answer.told())

    return read


@pytest.mark.parametrize("content", [PLAIN, WIDE, b"x" * (SHELF_BYTES - 1)])
def test_what_is_known_lies_on_the_shelf(root: Path, read: Read, ours: broker.Shelf, content: bytes) -> None:
    (root / "file").write_bytes(content)
    first = read()
    assert first.text == content
    for _ in range(2):
        assert read() == Text(len(content), first.facts)
        assert b"".join(ours.fetch(len(content))) == content


@pytest.mark.parametrize(
    ("content", "asked"),
    [
        (b"x" * SHELF_BYTES, {}),
        (b"short\n", {}),
        (b"\xef\xbb\xbf" + PLAIN, {}),
        (PLAIN, {"encoding": "latin-1"}),
        (PLAIN.decode().encode("utf-16"), {"encoding": "utf-16"}),
        (PLAIN, {"line_numbers": True}),
        (PLAIN, {"head": 20_000}),
        (PLAIN, {"byte_limit": 200_000}),
        (PLAIN + b"\0", {}),
        (PLAIN + b"\xff", {}),
    ],
)
def test_whatever_else_is_read_as_before(root: Path, read: Read, content: bytes, asked: dict[str, object]) -> None:
    (root / "file").write_bytes(content)
    if "\0" not in content.decode("latin-1"):
        read(encoding="latin-1")
    assert read(**asked) == read(**asked)
    assert isinstance(read(**asked).text, bytes)


def test_where_the_shelf_is_taken_it_is_read_as_before(root: Path, read: Read, ours: broker.Shelf) -> None:
    (root / "file").write_bytes(PLAIN)
    read()
    assert [type(read().text) for _ in range(2)] == [int, bytes]
    assert b"".join(ours.fetch(len(PLAIN))) == PLAIN
    assert read().text == len(PLAIN)


@pytest.mark.parametrize("bad", [b"\0", b"\xff", b"\xc3"])
@pytest.mark.parametrize("place", [0, 131_071, len(PLAIN) - 1])
def test_what_is_no_text_any_more_is_none_although_its_stamps_stay(
    root: Path, read: Read, theirs: Shelf, bad: bytes, place: int
) -> None:
    (root / "file").write_bytes(PLAIN)
    with open(root / "file", "r+b") as file, mmap.mmap(file.fileno(), 0) as mapping:
        mapping[place : place + 1] = mapping[place : place + 1]  # stamped now, and not again for another
        assert read().text == PLAIN
        mapping[place : place + 1] = bad
        answer = read()
    assert isinstance(answer.facts, TextFacts)
    assert answer.facts.binary
    assert theirs.lay(b"there is room still")


@pytest.mark.parametrize("place", [0, 131_072, len(PLAIN) - 1])
def test_what_changes_by_a_mapping_is_told_although_its_stamps_stay(
    root: Path, read: Read, ours: broker.Shelf, place: int
) -> None:
    (root / "file").write_bytes(PLAIN)
    with open(root / "file", "r+b") as file, mmap.mmap(file.fileno(), 0) as mapping:
        mapping[place : place + 1] = mapping[place : place + 1]
        assert read().text == PLAIN
        for letter in b"xxyyy":
            mapping[place] = letter
            assert read().text == len(PLAIN)
            assert b"".join(ours.fetch(len(PLAIN))) == PLAIN[:place] + bytes([letter]) + PLAIN[place + 1 :]


def test_what_changes_meanwhile_is_read_from_its_beginning(
    root: Path, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "file").write_bytes(PLAIN)
    first = read()
    monkeypatch.setattr(known_text, "has_changed", lambda _handle: True)
    assert read() == first


def test_a_failure_while_it_is_read_is_told_as_before(root: Path, read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "file").write_bytes(PLAIN)
    first = read()

    def fail(_fd: int, _buffers: object) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "readv", fail)
    assert read() == first


@pytest.mark.parametrize("size", [len(PLAIN) - 1, len(PLAIN) + 1, SHELF_BYTES])
def test_a_file_of_another_size_is_not_taken(root: Path, theirs: Shelf, size: int) -> None:
    (root / "file").write_bytes(PLAIN)
    with open(root / "file", "rb") as file:
        assert theirs.read(file.fileno(), size) is None
    assert theirs.lay(b"there is room still")
