"""Whatever a file's encoding, mark, line ends and mode are: only what was edited has other bytes."""

import contextlib
import os
import stat
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from filewarden.workers.context import Context
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.text.codec import KNOWN
from filewarden.workers.text.text_file import open_text
from filewarden.workers.tools import edit_file, write_file

Run = Callable[..., Any]

LETTERS = {
    "utf-8": "aé€😀z",
    "utf-16-le": "aé€😀z",
    "utf-16-be": "aé€😀z",
    "utf-32-le": "aé😀",
    "utf-32-be": "aé😀",
    "ascii": "abz",
    "latin-1": "aéÿ",
    "cp1252": "aé€",
    "iso8859-2": "ałž",
    "cp1251": "aжы",
    "koi8-r": "aжы",
    "cp437": "aé█",
    "mac-roman": "aé∞",
    "shift-jis": "aｱ表",
    "cp932": "aｱ表",
    "euc-jp": "aあ漢",
    "big5": "a中功",
    "gb18030": "a中€😀",
    "cp949": "a한글",
}
"""Some of what each can write; of Shift-JIS and Big5 characters whose second byte is an ASCII one."""
MARKS = {
    "utf-8": b"\xef\xbb\xbf",
    "utf-16-le": b"\xff\xfe",
    "utf-16-be": b"\xfe\xff",
    "utf-32-le": b"\xff\xfe\0\0",
    "utf-32-be": b"\0\0\xfe\xff",
}
ENDS = st.sampled_from(["\n", "\r\n", "\r"])
PASSAGE = "@@here@@"


@st.composite
def cases(draw: Any) -> tuple[str, bytes, str, str, str, int]:
    """An encoding, a mark, the text before and after a passage, what replaces it, and a mode."""
    codec = draw(st.sampled_from(sorted(LETTERS)))
    mark = draw(st.sampled_from([b"", MARKS[codec]])) if codec in MARKS else b""
    lines = st.lists(st.tuples(st.text(LETTERS[codec] + " \t", max_size=5), ENDS), max_size=6)
    before, after = ("".join(line + end for line, end in draw(lines)) for _ in range(2))
    new = draw(st.text(LETTERS[codec] + "\n", max_size=8))
    mode = draw(st.sampled_from([0o600, 0o644, 0o755, 0o640, 0o444, 0o777]))
    return codec, mark, before + "<", ">" + after, new, mode


@given(cases())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
def test_only_the_edited_bytes_differ(
    writable: Context, run: Run, root: Path, case: tuple[str, bytes, str, str, str, int]
) -> None:
    codec, mark, before, after, new, mode = case
    path = root / "file"
    path.unlink(missing_ok=True)
    path.write_bytes(mark + (before + PASSAGE + after).encode(codec))
    path.chmod(mode)
    edits = [{"old_text": PASSAGE, "new_text": new}]
    result = run(writable, edit_file.TOOL, path="file", edits=edits, encoding=codec)
    found = path.read_bytes()
    head, tail = mark + before.encode(codec), after.encode(codec)
    assert found.startswith(head)
    assert found.endswith(tail)
    middle = found[len(head) : len(found) - len(tail)].decode(codec)
    assert middle.replace("\r\n", "\n").replace("\r", "\n") == new
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert (result.size, result.replacements) == (len(found), 1)
    assert os.listdir(root).count("file") == 1


@given(cases())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
def test_what_is_appended_stands_after_the_same_bytes(
    writable: Context, run: Run, root: Path, case: tuple[str, bytes, str, str, str, int]
) -> None:
    codec, mark, before, after, new, mode = case
    path = root / "file"
    path.unlink(missing_ok=True)
    old = mark + (before + after).encode(codec)
    path.write_bytes(old)
    path.chmod(mode)
    run(writable, write_file.TOOL, path="file", content=new, append=True, encoding=codec)
    assert path.read_bytes() == old + new.encode(codec)
    assert stat.S_IMODE(path.stat().st_mode) == mode


@given(st.sampled_from(sorted(set(KNOWN) - {"utf-16", "utf-32"})), st.binary(max_size=40))
@settings(max_examples=400)
def test_any_bytes_are_refused_or_come_back_as_they_are(name: str, data: bytes) -> None:
    with contextlib.suppress(ToolFailure):
        file = open_text(data, name, "file")
        assert file.encoded(file.text) == data


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        pytest.param(b"\xe9t\xe9 @", None, id="latin-1 taken for utf-8"),
        pytest.param(b"a\x00b @", None, id="nul"),
        pytest.param(b"ok \xff\xfe @", "utf-8", id="no utf-8"),
        pytest.param("x \ud800 @".encode("utf-16-le", "surrogatepass"), "utf-16-le", id="half a pair"),
        pytest.param(b"\x81\xad @", "cp932", id="bytes that cp932 does not have"),
        pytest.param(b"\xfa\x4a @", "cp932", id="bytes that cp932 writes otherwise"),
    ],
)
def test_e06_what_would_not_come_back_is_left_alone(
    writable: Context, run: Run, root: Path, data: bytes, encoding: str | None
) -> None:
    (root / "file").write_bytes(data)
    edits = [{"old_text": "@", "new_text": "x"}]
    with pytest.raises(ToolFailure) as raised:
        run(writable, edit_file.TOOL, path="file", edits=edits, encoding=encoding)
    assert raised.value.code is Code.UNSUPPORTED
    assert (root / "file").read_bytes() == data


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        pytest.param(write_file.TOOL, {"content": "ab\n€", "encoding": "latin-1", "overwrite": True}, id="write"),
        pytest.param(write_file.TOOL, {"content": "ab\n€", "encoding": "latin-1", "append": True}, id="append"),
        pytest.param(
            edit_file.TOOL, {"edits": [{"old_text": "alpha", "new_text": "€"}], "encoding": "latin-1"}, id="edit"
        ),
        pytest.param(write_file.TOOL, {"content": "x", "encoding": "auto", "overwrite": True}, id="auto"),
        pytest.param(write_file.TOOL, {"content": "x", "encoding": "klingon", "overwrite": True}, id="unknown"),
    ],
)
def test_what_the_encoding_does_not_have_is_refused_first(
    writable: Context, run: Run, root: Path, disk: Any, tool: Any, arguments: dict[str, Any]
) -> None:
    before = disk(root)
    with pytest.raises(ToolFailure) as raised:
        run(writable, tool, path="a.txt", **arguments)
    assert raised.value.code is Code.INVALID_ARGUMENT
    assert disk(root) == before


@pytest.mark.parametrize("codec", sorted(MARKS))
def test_a_mark_stays_when_the_content_is_replaced(writable: Context, run: Run, root: Path, codec: str) -> None:
    (root / "file").write_bytes(MARKS[codec] + "old".encode(codec))
    run(writable, write_file.TOOL, path="file", content="\ufeffnew é", overwrite=True)
    assert (root / "file").read_bytes() == MARKS[codec] + "new é".encode(codec)


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        (None, "é".encode()),
        ("utf-8-sig", b"\xef\xbb\xbf\xc3\xa9"),
        ("utf-16", b"\xff\xfe\xe9\x00"),
        ("UTF-16BE".replace("BE", "-be"), b"\x00\xe9"),
        ("windows-1252", b"\xe9"),
    ],
)
def test_a_new_file_has_the_encoding_asked_for(
    writable: Context, run: Run, root: Path, encoding: str | None, expected: bytes
) -> None:
    run(writable, write_file.TOOL, path="new", content="é", encoding=encoding)
    assert (root / "new").read_bytes() == expected


def test_attributes_stay(writable: Context, run: Run, root: Path) -> None:
    path = root / "a.txt"
    try:
        os.setxattr(path, "user.kept", b"yes")
    except OSError:
        pytest.skip("this file system has no user attributes")
    run(writable, edit_file.TOOL, path="a.txt", edits=[{"old_text": "alpha", "new_text": "beta"}])
    assert path.read_text() == "beta\n"
    assert os.getxattr(path, "user.kept") == b"yes"


ACCESS_LIST = struct.pack("<I", 2) + b"".join(
    struct.pack("<HHI", tag, rights, number)
    for tag, rights, number in (
        (1, 6, 2**32 - 1),
        (2, 4, 12345),
        (4, 4, 2**32 - 1),
        (16, 4, 2**32 - 1),
        (32, 0, 2**32 - 1),
    )
)
"""Owner rw, user 12345 r, group r, mask r, others nothing (acl(5), as the kernel stores it)."""


def test_l32_an_access_list_stays_or_nothing_changes(
    writable: Context, run: Run, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, name = root / "a.txt", "system.posix_acl_access"
    try:
        os.setxattr(path, name, ACCESS_LIST)
    except OSError:
        pytest.skip("this file system has no access lists")
    run(writable, edit_file.TOOL, path="a.txt", edits=[{"old_text": "alpha", "new_text": "beta"}])
    assert path.read_text() == "beta\n"
    assert os.getxattr(path, name) == ACCESS_LIST

    def cannot(*_: Any) -> None:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(os, "setxattr", cannot)
    with pytest.raises(ToolFailure) as raised:
        run(writable, edit_file.TOOL, path="a.txt", edits=[{"old_text": "beta", "new_text": "gamma"}])
    assert raised.value.code is Code.UNSUPPORTED
    assert path.read_text() == "beta\n"


def test_e14_set_id_bits_do_not_vouch_for_new_content(writable: Context, run: Run, root: Path) -> None:
    (root / "a.txt").chmod(0o6755)
    run(writable, write_file.TOOL, path="a.txt", content="new", overwrite=True)
    assert stat.S_IMODE((root / "a.txt").stat().st_mode) == 0o755


def test_the_size_limit_counts_what_would_be_there(writable: Context, run: Run, root: Path, disk: Any) -> None:
    small = msgspec.structs.replace(writable, writing=msgspec.structs.replace(writable.writing, max_file_bytes=10))
    before = disk(root)
    calls: list[tuple[Any, dict[str, Any]]] = [
        (write_file.TOOL, {"content": "12345", "append": True}),
        (edit_file.TOOL, {"edits": [{"old_text": "alpha", "new_text": "12345678901"}]}),
        (
            edit_file.TOOL,
            {"edits": [{"old_text": "alpha", "new_text": "ééééé"}, {"old_text": "éé\n", "new_text": "ééé"}]},
        ),
    ]
    for tool, arguments in calls:
        with pytest.raises(ToolFailure) as raised:
            run(small, tool, path="a.txt", **arguments)
        assert raised.value.code in (Code.TOO_LARGE, Code.CONFLICT)
    assert disk(root) == before
