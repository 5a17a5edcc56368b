import base64
import os
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from filewarden.workers.context import Context
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.limits import Limits
from filewarden.workers.paths.root import open_root
from filewarden.workers.paths.space import Space
from filewarden.workers.reporter import Reporter
from filewarden.workers.text import bookmarks, lines
from filewarden.workers.text.text_facts import TextFacts
from filewarden.workers.tool import Text
from filewarden.workers.tools.read_file import ReadFile, run
from filewarden.workers.wire import Progress, unpack_from_worker

MakeContext = Callable[..., Context]
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be", "cp1251", "cp932"]
TEXTS = st.lists(st.sampled_from(["", "a", "bb\r", "ж", "xy" * 40, "Hello, world"]), max_size=20).map("\n".join)
WIDE_TEXTS = st.lists(st.sampled_from(["", "a", "é\r", "日本", "\U0001f600x" * 9, "\u2060"]), max_size=20).map(
    "\n".join
)


def read(context: Context, **arguments: Any) -> tuple[bytes, TextFacts]:
    answer = run(context, msgspec.convert({"path": "f", **arguments}, ReadFile))
    assert isinstance(answer, Text)
    assert isinstance(answer.text, bytes)
    facts = answer.told()
    assert isinstance(facts, TextFacts)
    answer.text.decode()
    return answer.text, facts


def refused(context: Context, **arguments: Any) -> ToolFailure:
    with pytest.raises(ToolFailure) as caught:
        read(context, **arguments)
    return caught.value


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("parts")


@pytest.fixture(scope="module")
def wide_open(folder: Path) -> Iterator[Space]:
    root = open_root("R", str(folder))
    yield Space((root,))
    os.close(root.fd)


def roomy(space: Space, max_file_bytes: int = 1 << 20) -> Context:
    return Context(space, Limits(max_file_bytes, 1 << 20, 40_000, 200), time.monotonic() + 60)


@pytest.mark.parametrize("encoding", ENCODINGS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_pages_of_lines_and_of_bytes_make_the_whole(
    wide_open: Space, folder: Path, encoding: str, data: st.DataObject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "BLOCK_BYTES", 16)
    text = data.draw(WIDE_TEXTS if encoding.startswith("utf") else TEXTS)
    (folder / "f").write_bytes(text.encode(encoding))
    context = roomy(wide_open)
    count = data.draw(st.integers(1, 5))
    whole, _ = read(context, encoding=encoding)
    assert whole.decode() == text
    for page in (
        pages(context, encoding, offset=1, limit=count),
        pages(context, encoding, byte_offset=0, byte_limit=9),
    ):
        assert b"".join(page).decode() == text
    every = (folder / "f").read_bytes()
    for position, line in places(context, encoding):
        # Where a line is said to stand, it stands.
        codec = "utf-8" if encoding == "utf-8-sig" else encoding
        codec = read(context, encoding=encoding)[1].encoding if codec in ("utf-16", "utf-32") else codec
        assert every[position:].startswith(line.decode().encode(codec))


@pytest.mark.parametrize("encoding", ENCODINGS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_part_is_what_plain_reading_gives(
    wide_open: Space, folder: Path, encoding: str, data: st.DataObject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "BLOCK_BYTES", 16)
    text = data.draw(WIDE_TEXTS if encoding.startswith("utf") else TEXTS)
    every = text.encode(encoding)
    (folder / "f").write_bytes(every)
    all_lines = [line + "\n" for line in text.split("\n")]
    all_lines[-1] = all_lines[-1][:-1]
    all_lines = [line for line in all_lines if line]
    cap = data.draw(st.sampled_from([9, 40, 1 << 20]))
    way = data.draw(st.sampled_from(["head", "tail", "offset"]))
    number, count = data.draw(st.integers(1, len(all_lines) + 1)), data.draw(st.integers(1, len(all_lines) + 2))
    asked, first, arguments = {
        "head": (all_lines[:count], 1, {"head": count}),
        "tail": (all_lines[-count:], max(len(all_lines) - count, 0) + 1, {"tail": count}),
        "offset": (all_lines[number - 1 :][:count], number, {"offset": number, "limit": count}),
    }[way]
    got, facts = read(roomy(wide_open, cap), encoding=encoding, **arguments)
    mark = len(every) - len(text.encode(facts.encoding))
    codec = "utf-8" if encoding.startswith("utf") else encoding  # wide ones are counted as UTF-8
    assert facts.truncated == (len("".join(asked).encode(codec)) > cap)
    if facts.truncated:
        assert "".join(asked).endswith(got.decode()) if way == "tail" else "".join(asked).startswith(got.decode())
        return
    assert got.decode() == "".join(asked)
    assert facts.lines == len(asked)
    if way != "tail" and first - 1 + len(asked) < len(all_lines):
        end = mark + len("".join(all_lines[: first - 1 + len(asked)]).encode(facts.encoding))
        assert (facts.next_offset, facts.next_byte_offset) == (first + len(asked), end)
    else:
        assert (facts.next_offset, facts.next_byte_offset) == (msgspec.UNSET, msgspec.UNSET)
    if asked:
        assert facts.byte_offset == mark + len("".join(all_lines[: first - 1]).encode(facts.encoding))


def pages(context: Context, encoding: str, **first: int) -> Iterator[bytes]:
    arguments = first
    while True:
        text, facts = read(context, encoding=encoding, **arguments)
        yield text
        following = facts.next_byte_offset if "byte_offset" in first else facts.next_offset
        if not isinstance(following, int):
            assert not facts.truncated
            return
        arguments = {**first, "byte_offset" if "byte_offset" in first else "offset": following}


def places(context: Context, encoding: str) -> Iterator[tuple[int, bytes]]:
    _, facts = read(context, encoding=encoding)
    for line in range(1, facts.lines + 1):
        text, told = read(context, encoding=encoding, offset=line, limit=1)
        assert isinstance(told.byte_offset, int)
        yield told.byte_offset, text
    if facts.lines:
        text, told = read(context, encoding=encoding, tail=1)
        assert isinstance(told.byte_offset, int)
        yield told.byte_offset, text


def test_a_range_of_bytes_is_read(context: Context, root: Path) -> None:
    (root / "f").write_bytes(b"0123456789")
    text, facts = read(context, byte_offset=2, byte_limit=9)
    assert (text, facts.byte_offset, facts.next_byte_offset, facts.truncated) == (b"23456789", 2, msgspec.UNSET, False)
    text, facts = read(context, byte_limit=8)
    assert (text, facts.byte_offset, facts.next_byte_offset, facts.offset) == (b"01234567", 0, 8, None)
    text, facts = read(context, byte_offset=4, byte_limit=1)
    assert (text, facts.byte_offset, facts.next_byte_offset) == (b"4", 4, 5)
    assert facts.final_newline is None
    assert read(context, byte_offset=10)[0] == b""
    failure = refused(context, byte_offset=11)
    assert (failure.code, "10 bytes" in failure.message) == (Code.INVALID_ARGUMENT, True)


def test_a_range_of_bytes_is_cut_at_characters(context: Context, root: Path) -> None:
    (root / "f").write_bytes("aéé€€\n".encode() * 4)
    text, facts = read(context, byte_offset=2, byte_limit=8)
    assert (text.decode(), facts.byte_offset, facts.next_byte_offset) == ("é€", 3, 8)
    for offset, limit, begin, end in ((1, 1, 1, 8), (2, 1, 3, 8), (6, 2, 8, 13), (5, 4, 5, 8)):
        text, facts = read(context, byte_offset=offset, byte_limit=limit)
        assert (facts.byte_offset, facts.next_byte_offset) == (begin, end)
        assert text == (root / "f").read_bytes()[begin:end]


def test_a_range_of_bytes_keeps_the_limit(space: Space, make_context: MakeContext, root: Path) -> None:
    (root / "f").write_bytes(b"x" * 1000)
    context = make_context(space, max_file_bytes=100)
    for arguments in ({"byte_offset": 0}, {"byte_limit": 500}):
        text, facts = read(context, **arguments)
        assert (len(text), facts.truncated, facts.next_byte_offset) == (100, True, 100)
        assert facts.notice == "[Cut: the answer is full; the rest begins at byte_offset=100.]"
    assert refused(context).code is Code.TOO_LARGE


def test_o16_a_range_of_bytes_of_what_is_no_text_is_base64(context: Context, root: Path) -> None:
    (root / "f").write_bytes(bytes(range(256)))
    text, facts = read(context, byte_offset=250, byte_limit=9)
    assert text == b'{"binary":true,"encoding":"base64","size":256,"data":"+vv8/f7/"}'
    text, facts = read(context, byte_offset=0, byte_limit=2)
    assert text == b'{"binary":true,"encoding":"base64","size":256,"data":"AAE="}'
    assert (facts.byte_offset, facts.next_byte_offset) == (0, 2)


@pytest.mark.parametrize(
    ("data", "encoding", "offset"),
    [
        (b"caf\xe9 \x96 dash", "utf-8", 5),
        (b"\xe2\x82\xac\x82\xac", "utf-8", 3),
        (b"a\x80", "utf-8", 1),
        (b"\xe2\x28\xac", "utf-8", 2),
        (b"a\0\x3d\xde", "utf-16-le", 2),
    ],
)
def test_a_range_leaves_out_nothing_but_the_rest_of_a_character(
    context: Context, root: Path, data: bytes, encoding: str, offset: int
) -> None:
    (root / "f").write_bytes(data)
    text, facts = read(context, encoding=encoding, byte_offset=offset)
    assert (facts.binary, facts.byte_offset) == (True, offset)
    assert msgspec.json.decode(text)["data"] == base64.b64encode(data[offset:]).decode()


@pytest.mark.parametrize(
    ("text", "encoding", "offset", "begin"),
    [
        ("€uro", "utf-8", 1, 3),
        ("€uro", "utf-8", 2, 3),
        ("x\U0001f600y", "utf-8", 2, 5),
        ("x\U0001f600y", "utf-8", 4, 5),
        ("x\U0001f600y", "utf-16-le", 4, 6),
        ("x\U0001f600y", "utf-16-be", 3, 6),
    ],
)
@pytest.mark.parametrize("limit", [1, 2, 3, 9])
def test_a_range_leaves_out_the_rest_of_a_character(
    context: Context, root: Path, text: str, encoding: str, offset: int, begin: int, limit: int
) -> None:
    data = text.encode(encoding)
    (root / "f").write_bytes(data)
    read_text, facts = read(context, encoding=encoding, byte_offset=offset, byte_limit=limit)
    assert (facts.binary, facts.byte_offset) == (False, begin)
    assert data[begin:].decode(encoding).startswith(read_text.decode())


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 9])
@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (b"caf\xe9 " + "€uro, \U0001f600".encode() * 3, "utf-8"),
        (b"\x80\xe2\x82\xac\xf0\x9f", "utf-8"),
        (b"\0\xde" + "€\U0001f600".encode("utf-16-le") * 3 + b"\0", "utf-16-le"),
        (b"\0\xd8" * 3 + "x\U0001f600y".encode("utf-32-le"), "utf-32-le"),
    ],
)
def test_a_reader_of_ranges_misses_nothing_behind_what_is_no_text(
    context: Context, root: Path, data: bytes, encoding: str, limit: int
) -> None:
    (root / "f").write_bytes(data)
    position: object = 0
    while isinstance(position, int):
        text, facts = read(context, encoding=encoding, byte_offset=position, byte_limit=limit)
        assert facts.byte_offset == position
        if facts.binary:
            raw = base64.b64decode(msgspec.json.decode(text)["data"])
            assert raw == data[position : position + len(raw)] != b""
            assert len(raw) <= max(limit, 6)
            assert facts.next_byte_offset == position + len(raw) or position + len(raw) == len(data)
        position = facts.next_byte_offset


def test_lines_that_are_no_text_are_cut_in_no_character(space: Space, make_context: MakeContext, root: Path) -> None:
    data = b"\xe9" + "€".encode() * 30 + b"\nx\n"
    (root / "f").write_bytes(data)
    context = make_context(space, max_file_bytes=20)
    text, facts = read(context, head=1)
    assert base64.b64decode(msgspec.json.decode(text)["data"]) == data[:19]
    assert (facts.binary, facts.next_byte_offset) == (True, 19)
    assert read(context, byte_offset=19)[1].byte_offset == 19


def test_what_is_cut_of_what_is_no_text_is_told(space: Space, make_context: MakeContext, root: Path) -> None:
    (root / "f").write_bytes(b"\0" * 1000)
    context = make_context(space, max_file_bytes=100)
    _, facts = read(context, byte_offset=0)
    assert (facts.truncated, facts.next_byte_offset) == (True, 100)
    assert facts.notice == "[Cut: the answer is full; the rest begins at byte_offset=100.]"
    _, facts = read(context, head=1)
    assert facts.notice == "[Cut: the answer is full; the rest begins at byte_offset=100.]"
    _, facts = read(context, tail=1)
    assert facts.notice == "[Cut: the asked lines are longer than an answer may be; this begins at byte_offset=900.]"
    _, facts = read(context, byte_offset=0, byte_limit=100)
    assert facts.notice is msgspec.UNSET


@pytest.mark.parametrize(
    "arguments",
    [
        {"byte_offset": 0, "offset": 1},
        {"byte_limit": 1, "head": 1},
        {"byte_offset": 0, "tail": 1},
        {"byte_offset": 0, "line_numbers": True},
    ],
)
def test_o13_bytes_and_lines_exclude_each_other(context: Context, arguments: dict[str, Any]) -> None:
    assert refused(context, path="a.txt", **arguments).code is Code.INVALID_ARGUMENT


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_lines_are_numbered(context: Context, root: Path, encoding: str) -> None:
    (root / "f").write_bytes("".join(f"é{number}\r\n" for number in range(1, 12)).encode(encoding))
    for arguments, first, last in (
        ({}, 1, 11),
        ({"offset": 3, "limit": 2}, 3, 4),
        ({"head": 1}, 1, 1),
        ({"tail": 2}, 10, 11),
    ):
        text, facts = read(context, encoding=encoding, line_numbers=True, **arguments)
        assert text.decode() == "".join(f"{number:>6}\té{number}\r\n" for number in range(first, last + 1))
        assert (facts.offset, facts.lines, facts.line_ending) == (first, last - first + 1, "crlf")


def test_numbers_count_against_the_frame(space: Space, make_context: MakeContext, root: Path) -> None:
    (root / "f").write_bytes(b"\n" * 100)
    context = make_context(space, max_file_bytes=100)
    seen = 0
    offset: int | None = 1
    while offset is not None:
        text, facts = read(context, offset=offset, line_numbers=True)
        assert len(text) <= 300
        assert facts.truncated == isinstance(facts.next_offset, int)
        assert text.startswith(b"%6d\t" % (seen + 1))
        seen += facts.lines
        offset = facts.next_offset if isinstance(facts.next_offset, int) else None
    assert seen == 100


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-be", "cp1252", "cp932"])
def test_o09_a_long_line_is_clipped_and_its_rest_can_be_read(context: Context, root: Path, encoding: str) -> None:
    long = "日" * 30 if encoding != "cp1252" else "é" * 30
    (root / "f").write_bytes(f"short\n{long}\nend".encode(encoding))
    text, facts = read(context, encoding=encoding, max_line_chars=10)
    (clip,) = facts.clips if facts.clips else ()
    first, clipped, last = text.decode().split("\n")
    assert (first, last) == ("short", "end")
    assert clipped == f"{long[:10]} … [20 more characters; byte_offset={clip.byte_offset}]"
    assert (clip.line, facts.clipped_lines, facts.lines) == (2, 1, 3)
    rest, _ = read(context, encoding=encoding, byte_offset=clip.byte_offset)
    assert rest.decode() == f"{long[10:]}\nend"


def test_numbered_lines_are_clipped_by_themselves(context: Context, root: Path) -> None:
    (root / "f").write_bytes(b"x" * 5000 + b"\n")
    text, facts = read(context, head=1, line_numbers=True)
    assert text == b"     1\t" + b"x" * 2000 + " … [3000 more characters; byte_offset=2000]\n".encode()
    assert facts.clipped_lines == 1
    assert read(context, head=1)[1].clipped_lines is msgspec.UNSET


def test_a_line_longer_than_the_limit_goes_on_by_bytes(space: Space, make_context: MakeContext, root: Path) -> None:
    line = "€" * 100
    (root / "f").write_bytes(f"{line}\nnext\n".encode())
    context = make_context(space, max_file_bytes=100)
    text, facts = read(context, head=1)
    assert (text.decode(), facts.truncated, facts.next_byte_offset) == (line[:33], True, 99)
    assert "byte_offset=99" in str(facts.notice)
    text, facts = read(context, byte_offset=99)
    assert text.decode() == line[33:66]
    text, facts = read(context, tail=2)
    assert (text.decode(), facts.byte_offset) == ("next\n", 301)
    (root / "f").write_bytes(line.encode())
    text, facts = read(context, tail=1)
    assert (text.decode(), facts.byte_offset, facts.truncated) == ("€" * 33, 201, True)


@pytest.mark.parametrize(
    ("data", "arguments", "is_ended"),
    [
        (b"", {}, None),
        (b"a", {}, False),
        (b"a\n", {}, True),
        (b"a\r", {}, True),
        (b"a\nb\n", {"head": 1}, None),
        (b"a\nb\n", {"head": 2}, True),
        (b"a\nb", {"tail": 1}, False),
    ],
)
def test_a_final_newline_is_told(
    context: Context, root: Path, data: bytes, arguments: dict[str, int], is_ended: bool | None
) -> None:
    (root / "f").write_bytes(data)
    assert read(context, **arguments)[1].final_newline is is_ended


@pytest.mark.parametrize(
    ("data", "arguments", "ending"),
    [
        (b"a\r\n" + b"b" * 65532 + b"\r\nc\r\n", {}, "crlf"),
        (b"a\r\nb\r\n", {"byte_limit": 5}, "crlf"),
        (b"a\r\nb\r\n", {"byte_offset": 2}, "crlf"),
        (b"\nb\r\n", {"byte_offset": 0}, "mixed"),
        (b"a\nb\r", {}, "mixed"),
    ],
)
def test_half_a_line_end_is_none_of_another_kind(
    context: Context, root: Path, data: bytes, arguments: dict[str, int], ending: str
) -> None:
    (root / "f").write_bytes(data)
    assert read(context, **arguments)[1].line_ending == ending


def test_o05_o02_hidden_characters_are_passed_and_announced(context: Context, root: Path) -> None:
    hidden = "a\U000e0041\U000e0042\u202eb\x1b[2J\x08 👩‍👩‍👧 ☂️"
    (root / "f").write_bytes(hidden.encode())
    text, facts = read(context)
    assert text.decode() == hidden
    assert (facts.invisible_characters, facts.control_characters) == (3, 2)
    assert facts.notice == "[The text contains 3 invisible and 2 control character(s), passed on as they are.]"
    (root / "f").write_bytes("☂️ naïve “quotes”\tplain\r\n".encode())
    assert read(context)[1].notice is msgspec.UNSET


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1251", "Съешь же ещё этих мягких французских булок\n"),
        ("cp932", "これは日本語のテキストです\n"),
        ("latin-1", "naïve café\n"),
        ("utf-8", "Съешь же ещё\n"),
        ("utf-16-le", "\ufeffСъешь же ещё\n"),
    ],
)
def test_an_encoding_is_detected_once_for_the_file(context: Context, root: Path, encoding: str, text: str) -> None:
    (root / "f").write_bytes((text * 50 + "ASCII only\n").encode(encoding))
    for arguments in ({}, {"head": 2}, {"tail": 2}, {"byte_offset": 0, "byte_limit": 99}, {"tail": 1}):
        found, facts = read(context, encoding="auto", **arguments)
        assert facts.encoding == encoding
        assert (facts.encoding_confidence is msgspec.UNSET) == encoding.startswith("utf")
        assert found.decode() in text * 50 + "ASCII only\n"


def test_pages_of_a_long_file_go_on_where_the_last_ended(
    space: Space, make_context: MakeContext, root: Path, later: None
) -> None:
    data = b"".join(b"line %d\n" % number for number in range(1, 300_001))
    (root / "f").write_bytes(data)
    page = read(make_context(space), offset=200_001, limit=2)
    assert page[1].next_offset == 200_003
    # Far too late to read from the start: only the bookmark can answer.
    text, facts = read(make_context(space, seconds=-1.0), offset=200_003, limit=1)
    assert (text, facts.next_offset) == (b"line 200003\n", 200_004)
    assert refused(make_context(space, seconds=-1.0), offset=200_002, limit=1).code is Code.TIMEOUT
    (root / "f").write_bytes(b"\n" + data[:-1])
    assert read(make_context(space), offset=200_003, limit=1)[0] == b"line 200002\n"


def test_a_file_that_was_just_written_gets_no_bookmark(space: Space, make_context: MakeContext, root: Path) -> None:
    (root / "f").write_bytes(b"x\n" * 1_000_000)
    assert read(make_context(space), offset=900_001, limit=2)[1].next_offset == 900_003
    with open(root / "f", "rb") as file:
        assert bookmarks.before(os.fstat(file.fileno()), "utf-8", 900_003) is None


def test_q01_numbering_many_empty_lines_needs_little_memory(
    space: Space, make_context: MakeContext, root: Path
) -> None:
    limit = 65_536
    (root / "f").write_bytes(b"\n" * limit)
    context = make_context(space, max_file_bytes=limit)
    tracemalloc.start()
    try:
        text, facts = read(context, line_numbers=True)
        assert tracemalloc.get_traced_memory()[1] < 16 * limit
    finally:
        tracemalloc.stop()
    assert len(text) <= 3 * limit
    assert (facts.truncated, facts.next_offset) == (True, facts.lines + 1)


def test_progress_is_told_on_the_way(space: Space, make_context: MakeContext, root: Path) -> None:
    (root / "f").write_bytes(b"x\n" * 2_000_000)
    told: list[tuple[float, float | None]] = []

    def hear(frame: bytes) -> None:
        progress = unpack_from_worker(frame)
        assert isinstance(progress, Progress)
        told.append((progress.done, progress.total))

    reporter = Reporter(hear, 1, wants_progress=True, log_level=None)
    context = msgspec.structs.replace(make_context(space), reporter=reporter)
    read(context, offset=1_999_999)
    assert told
    assert told == sorted(told)
    assert {total for _, total in told} == {4_000_000}
