"""What is told about a large file that was read before."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from filewarden.workers.context import Context
from filewarden.workers.paths import handle
from filewarden.workers.paths.space import Space
from filewarden.workers.reading import known_facts, piece, text_reading
from filewarden.workers.text.part import Part
from filewarden.workers.text.text_facts import TextFacts

Read = Callable[..., TextFacts]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the texts whose lines were counted."""
    sizes: list[int] = []
    count = piece.count_lines

    def watched(text: bytes) -> int:
        sizes.append(len(text))
        return count(text)

    monkeypatch.setattr(piece, "count_lines", watched)
    return sizes


@pytest.fixture
def read(space: Space, make_context: Callable[..., Context]) -> Read:
    context = make_context(space)

    def read(name: str = "file", encoding: str = "utf-8", *, line_numbers: bool = False) -> TextFacts:
        with context.space.open_file(name) as handle:
            return text_reading.read(context, handle, Part(encoding=encoding, line_numbers=line_numbers)).facts

    return read


def test_an_unchanged_file_is_counted_once(
    root: Path, read: Read, counted: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handle, "COARSEST_CLOCK_NS", -1)
    (root / "file").write_bytes("z\u200b\x07\r\n".encode() * 20_000)
    first = read()
    assert (first.lines, first.control_characters, first.invisible_characters) == (20_000, 20_000, 20_000)
    assert read() == first
    assert len(counted) == 1
    assert read(encoding="latin-1").encoding == "latin-1"
    assert read(line_numbers=True) == read() == first
    state = os.stat(root / "file")
    (root / "file").write_bytes(b"y\n" * 70_000)
    os.utime(root / "file", ns=(state.st_atime_ns, state.st_mtime_ns))
    assert read().lines == 70_000


def test_one_that_has_just_changed_is_not_believed(root: Path, read: Read, counted: list[int]) -> None:
    (root / "file").write_bytes(b"x\n" * 70_000)
    assert read() == read()
    assert len(counted) == 2


def test_not_more_is_kept_than_some(
    root: Path, read: Read, counted: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handle, "COARSEST_CLOCK_NS", -1)
    monkeypatch.setattr(known_facts, "MOST_KEPT", 2)
    for name in ("oldest", "older", "newest"):
        (root / name).write_bytes(b"x" * 70_000)
        read(name)
    assert len(counted) == 3
    read("newest")
    assert len(counted) == 3
    read("oldest")
    assert len(counted) == 4
