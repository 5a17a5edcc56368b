"""The memory that a worker and the broker share, with both ends in one process."""

import mmap
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from filewarden.broker import shelf as broker
from filewarden.broker.protocol.long_text import LongText
from filewarden.workers.shelf import MARK_AT, MEMORY_BYTES, SAME, SHELF_BYTES, Shelf, shelf_of


@pytest.mark.parametrize("size", [1, 70_000, SHELF_BYTES])
def test_what_is_laid_is_fetched_and_makes_room_for_the_next(ours: broker.Shelf, theirs: Shelf, size: int) -> None:
    for text in (b"a" * size, b"b" * size):
        assert theirs.lay(text)
        assert not theirs.lay(b"another")
        assert b"".join(ours.fetch(size)) == text


def test_a_longer_text_is_not_laid(ours: broker.Shelf, theirs: Shelf) -> None:
    assert not theirs.lay(bytes(SHELF_BYTES + 1))
    assert theirs.lay(b"short")
    assert list(ours.fetch(5)) == [b"short"]


@pytest.mark.parametrize("length", [-1, 0, SHELF_BYTES + 1, 1 << 62])
def test_no_text_is_as_long(ours: broker.Shelf, length: int) -> None:
    with pytest.raises(ValueError, match=str(length)):
        ours.fetch(length)


def test_it_takes_no_more_descriptors_when_it_is_used(ours: broker.Shelf, theirs: Shelf) -> None:
    before = len(os.listdir("/proc/self/fd"))
    theirs.lay(b"text")
    assert list(ours.fetch(4)) == [b"text"]
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("size", [0, MEMORY_BYTES - 1, MEMORY_BYTES + 1])
def test_nobody_can_take_the_memory_away_or_make_it_larger(ours: broker.Shelf, size: int) -> None:
    with pytest.raises(PermissionError):
        os.ftruncate(ours.fd, size)


def test_what_is_fetched_stays_as_it_was(ours: broker.Shelf, theirs: Shelf) -> None:
    theirs.lay(b"honest")
    fetched = list(ours.fetch(6))
    theirs.lay(b"change")
    assert fetched == [b"honest"]


def rewritten(ours: broker.Shelf, honest: bytes, other: bytes) -> Iterator[bytes]:
    """What is fetched of a text that another takes the place of, as soon as the first piece has been taken."""
    memory = mmap.mmap(ours.fd, MEMORY_BYTES)
    memory[: len(honest)] = honest
    for piece in ours.fetch(len(honest)):
        memory[: len(other)] = other
        yield piece


def test_one_that_changes_while_it_is_fetched_is_what_was_fetched(ours: broker.Shelf) -> None:
    size = 2 * broker.PIECE_BYTES
    taken = LongText(rewritten(ours, b"a" * size, b"b" * size))
    assert [bytes(piece.as_json()) for piece in taken.pieces] == [b"a" * broker.PIECE_BYTES, b"b" * broker.PIECE_BYTES]


def test_a_piece_that_is_there_again_is_the_same_object(theirs: Shelf, ours: broker.Shelf) -> None:
    size = broker.PIECE_BYTES
    text = b"a" * size + b"b" * size + b"c"
    assert theirs.lay(text)
    first = list(ours.fetch(len(text)))
    assert b"".join(first) == text
    for changed, same in (
        (text, [True, True, True]),
        (text[:-2] + b"xc", [True, False, True]),
        (b"x" + text[1:], [False, False, True]),
        (text + b"c", [False, True, False]),
        (text[:size], [True]),
        (text, [True, False, False]),
    ):
        assert theirs.lay(changed)
        then = list(ours.fetch(len(changed)))
        assert b"".join(then) == changed
        assert [place < len(first) and piece is first[place] for place, piece in enumerate(then)] == same
        first = then
    ours.forget()
    assert theirs.lay(text)
    assert next(iter(ours.fetch(len(text)))) is not first[0]


def test_a_file_that_lies_there_still_is_the_text_before(theirs: Shelf, ours: broker.Shelf, tmp_path: Path) -> None:
    text = b"a" * broker.PIECE_BYTES + b"b" * 1000
    assert theirs.lay(text)
    first = list(ours.fetch(len(text)))
    read(theirs, tmp_path, text)
    assert theirs.is_same
    theirs.give(len(text))
    assert theirs.read(-1, len(text)) is None, "it has not been fetched yet"
    then = list(ours.fetch(len(text)))
    assert all(one is other for one, other in zip(first, then, strict=True))
    for changed in (text[:-1] + b"c", text, b"c" + text[1:], text[:-1], text + b"c", text):
        read(theirs, tmp_path, changed)
        assert not theirs.is_same
        theirs.give(len(changed))
        assert b"".join(ours.fetch(len(changed))) == changed


def test_what_nobody_has_kept_is_fetched_once_more(theirs: Shelf, ours: broker.Shelf, tmp_path: Path) -> None:
    text = b"a" * 1000
    assert theirs.lay(text)
    assert b"".join(ours.fetch(len(text))) == text
    ours.forget()
    read(theirs, tmp_path, text)
    assert theirs.is_same
    theirs.give(len(text))
    assert b"".join(ours.fetch(len(text))) == text


def test_what_was_put_there_and_not_given_is_not_the_text_before(
    theirs: Shelf, ours: broker.Shelf, tmp_path: Path
) -> None:
    text = b"a" * 1000
    assert theirs.lay(text)
    assert b"".join(ours.fetch(len(text))) == text
    for other in (text[:-1] + b"b", b"b" + text[1:]):
        read(theirs, tmp_path, other)
        read(theirs, tmp_path, text)
        assert not theirs.is_same
    (tmp_path / "file").write_bytes(text + b"longer")
    with open(tmp_path / "file", "rb") as file:
        assert theirs.read(file.fileno(), len(text)) is None
        file.seek(0)
        assert theirs.read(file.fileno(), len(text) + 7) is None


def test_a_worker_that_lies_about_it_gets_its_own_text(theirs: Shelf, ours: broker.Shelf) -> None:
    memory = mmap.mmap(ours.fd, MEMORY_BYTES)
    assert theirs.lay(b"honest")
    assert list(ours.fetch(6)) == [b"honest"]
    memory[:6], memory[MARK_AT:] = b"change", SAME
    assert list(ours.fetch(6)) == [b"honest"]
    memory[MARK_AT:] = SAME
    assert list(ours.fetch(5)) == [b"chang"]


def read(shelf: Shelf, folder: Path, text: bytes) -> None:
    """Read a file of that text onto the shelf."""
    (folder / "file").write_bytes(text)
    with open(folder / "file", "rb") as file:
        there = shelf.read(file.fileno(), len(text))
        assert there is not None
        assert bytes(there) == text


@pytest.mark.parametrize("bad", [b"\xff", b"\xc3", b"\xed\xa0\x80"])
def test_one_that_is_no_text_any_more_is_refused(ours: broker.Shelf, bad: bytes) -> None:
    size = 2 * broker.PIECE_BYTES
    with pytest.raises(UnicodeDecodeError):
        LongText(rewritten(ours, b"a" * size, b"a" * (size - len(bad)) + bad))


def test_a_character_that_loses_its_end_is_refused(ours: broker.Shelf) -> None:
    size = 2 * broker.PIECE_BYTES
    honest = b"a" * (broker.PIECE_BYTES - 1) + "\u00fc".encode()
    with pytest.raises(UnicodeDecodeError):
        LongText(rewritten(ours, honest.ljust(size, b"a"), b"a" * size))


def test_without_memory_there_is_no_shelf() -> None:
    assert shelf_of([]) is None
    read_end, write_end = os.pipe()
    os.close(write_end)
    assert shelf_of([read_end]) is None
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(read_end)
