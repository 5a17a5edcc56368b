import os
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from filewarden.workers.text import lines
from filewarden.workers.text.decoding import measure
from filewarden.workers.text.lines import (
    Lines,
    Span,
    last_lines,
    plain_blocks,
    wide_blocks,
)

CONTENT = st.lists(st.sampled_from(["", "a", "bb", "\r", "é", "x" * 30]), max_size=12).map("\n".join)
COUNTS = st.integers(min_value=1, max_value=14)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "BLOCK_BYTES", 8)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    fd = os.open(tmp_path_factory.mktemp("lines") / "file", os.O_RDWR | os.O_CREAT)
    yield fd
    os.close(fd)


def fill(file: int, data: bytes) -> int:
    os.ftruncate(file, 0)
    os.pwrite(file, data, 0)
    return len(data)


def never(position: int) -> bool:
    return False


def split(data: bytes) -> list[bytes]:
    ended = [line + b"\n" for line in data.split(b"\n")]
    return [*ended[:-1], *([ended[-1][:-1]] if len(ended[-1]) > 1 else [])]


@settings(max_examples=300, deadline=None)
@given(text=CONTENT, offset=COUNTS, count=COUNTS, start=st.sampled_from([0, 3]))
def test_a_range_is_what_splitting_the_whole_gives(file: int, text: str, offset: int, count: int, start: int) -> None:
    data = text.encode()
    fill(file, b"#" * start + data)
    whole = split(data)
    reader = Lines(plain_blocks(file, start), never, start=start)
    passed = reader.skip(offset - 1)
    assert passed == min(offset - 1, len(whole))
    span = reader.take(count, 10_000)
    wanted = whole[offset - 1 : offset - 1 + count]
    begin = start + len(b"".join(whole[: offset - 1]))
    more = len(whole) > offset - 1 + count
    assert span == Span(data=b"".join(wanted), lines=len(wanted), start=begin, has_more=more)


@settings(max_examples=300, deadline=None)
@given(text=CONTENT, count=COUNTS, start=st.sampled_from([0, 3]))
def test_the_last_lines_are_what_splitting_the_whole_gives(file: int, text: str, count: int, start: int) -> None:
    data = text.encode()
    size = fill(file, b"#" * start + data)
    whole = split(data)
    span = last_lines(file, start, size, count, 10_000)
    last = b"".join(whole[-count:])
    assert span == Span(data=last, lines=len(whole[-count:]), start=size - len(last))
    assert Lines(plain_blocks(file, start), never, start=start).last(count, 10_000) == span


@settings(max_examples=300, deadline=None)
@given(text=CONTENT, count=COUNTS, room=st.integers(min_value=1, max_value=40))
def test_a_limit_keeps_whole_lines_or_a_part_of_one(file: int, text: str, count: int, room: int) -> None:
    data = text.encode()
    size = fill(file, data)
    ahead = Lines(plain_blocks(file, 0), never).take(count, room)
    assert data.startswith(ahead.data)
    behind = last_lines(file, 0, size, count, room)
    assert data.endswith(behind.data)
    assert Lines(plain_blocks(file, 0), never).last(count, room) == behind
    for span in (ahead, behind):
        assert data[span.start : span.start + len(span.data)] == span.data
        assert len(span.data) <= room
        assert span.is_cut <= (not span.is_complete)
        assert span.is_cut or span.lines == span.data.count(b"\n") + (bool(span.data) and not span.data.endswith(b"\n"))


@settings(max_examples=200, deadline=None)
@given(
    text=CONTENT,
    count=COUNTS,
    encoding=st.sampled_from(["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]),
)
def test_wide_encodings_have_the_same_lines(file: int, text: str, count: int, encoding: str) -> None:
    text = text.replace("é", "\u0a0a\u0a00\U0001f600")
    size = fill(file, text.encode())
    reader = Lines(plain_blocks(file, 0), never)
    reader.skip(1)
    plain = reader.take(count, 10_000)
    tail = last_lines(file, 0, size, count, 10_000)
    fill(file, text.encode(encoding))
    weigh = measure(encoding)

    def placed(span: Span) -> Span:
        before = text.encode()[: span.start].decode().encode(encoding)
        return msgspec.structs.replace(span, start=len(before))

    wide = Lines(wide_blocks(file, 0, encoding), never, weigh=weigh)
    wide.skip(1)
    assert wide.take(count, 10_000) == placed(plain)
    assert Lines(wide_blocks(file, 0, encoding), never, weigh=weigh).last(count, 10_000) == placed(tail)


def test_a_long_block_is_cut_at_the_right_line(file: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "BLOCK_BYTES", 65536)
    data = b"".join(b"%d\n" % number for number in range(20_000))
    size = fill(file, data)
    whole = split(data)
    for offset in (1, 2, 4096, 10_000, 19_999, 20_000):
        reader = Lines(plain_blocks(file, 0), never)
        assert reader.skip(offset - 1) == offset - 1
        assert reader.take(1, 100).data == whole[offset - 1]
        assert last_lines(file, 0, size, offset, size).data == b"".join(whole[-offset:])


def test_half_a_wide_character_is_no_text(file: int) -> None:
    fill(file, "ab".encode("utf-16-le") + b"c")
    with pytest.raises(UnicodeError):
        Lines(wide_blocks(file, 0, "utf-16-le"), never).take(5, 100)


def test_past_the_deadline_a_range_gives_the_lines_so_far(file: int) -> None:
    fill(file, b"one\ntwo\nthree\nfour\n")
    span = Lines(plain_blocks(file, 0), lambda position: True).take(10, 1000)
    assert span == Span(data=b"one\ntwo\n", lines=2, is_complete=False, has_more=True)
    with pytest.raises(TimeoutError):
        Lines(plain_blocks(file, 0), lambda position: True).skip(3)


def test_o09_l25_one_endless_line_is_cut(file: int) -> None:
    os.ftruncate(file, 0)
    os.ftruncate(file, 1 << 40)
    span = Lines(plain_blocks(file, 0), never).take(1, 1000)
    assert (len(span.data), span.is_cut, span.has_more) == (1000, True, True)
    tail = last_lines(file, 0, 1 << 40, 3, 1000)
    assert (len(tail.data), tail.is_cut) == (1000, True)
    os.ftruncate(file, 0)
