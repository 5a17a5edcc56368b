import codecs

import pytest

from filewarden.workers.decoding import KNOWN, Encoding, known_name, settle, to_utf8
from filewarden.workers.errors import Code, ToolFailure


def test_every_known_encoding_exists_and_keeps_line_feeds() -> None:
    for name in KNOWN:
        assert "a\nb".encode(name).decode(name) == "a\nb"


@pytest.mark.parametrize("name", [name for name in KNOWN if not name.startswith("utf-")])
def test_a_line_feed_is_part_of_nothing_else(name: str) -> None:
    for lead in range(0x80, 0x100):
        try:
            text = bytes((lead, 0x0A)).decode(name)
        except UnicodeDecodeError:
            continue
        assert text.endswith("\n")
        assert len(text) == 2


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("UTF-8", "utf-8"),
        ("utf8", "utf-8"),
        ("utf_16", "utf-16"),
        ("ISO-8859-1", "latin-1"),
        ("iso_8859_15", "iso8859-15"),
        ("Windows-1252", "cp1252"),
        ("Shift_JIS", "shift-jis"),
        ("EUC-KR", "cp949"),
        ("gbk", "gb18030"),
        ("auto", "auto"),
    ],
)
def test_an_encoding_has_many_spellings(asked: str, name: str) -> None:
    assert known_name(asked) == name


@pytest.mark.parametrize(
    "asked", ["", "utf-7", "rot13", "zip", "base64", "idna", "unicode_escape", "../x", "\0", "x" * 64]
)
def test_other_codecs_are_refused(asked: str) -> None:
    with pytest.raises(ToolFailure) as refused:
        known_name(asked)
    assert refused.value.code is Code.INVALID_ARGUMENT
    assert "utf-8" in refused.value.message


@pytest.mark.parametrize(
    ("asked", "head", "settled"),
    [
        ("utf-8", b"abc", Encoding("utf-8")),
        ("utf-8", codecs.BOM_UTF8, Encoding("utf-8", 3)),
        ("utf-8", codecs.BOM_UTF16_LE, Encoding("utf-8")),
        ("utf-16", codecs.BOM_UTF16_BE + b"\0a", Encoding("utf-16-be", 2)),
        ("utf-16", b"a\0", Encoding("utf-16-le")),
        ("utf-16-le", codecs.BOM_UTF16_LE + b"a\0", Encoding("utf-16-le", 2)),
        ("utf-32", codecs.BOM_UTF32_LE, Encoding("utf-32-le", 4)),
        ("auto", codecs.BOM_UTF32_LE, Encoding("utf-32-le", 4)),
        ("auto", codecs.BOM_UTF16_LE + b"a\0", Encoding("utf-16-le", 2)),
        ("auto", b"abc", Encoding("utf-8", is_guess=True)),
        ("cp1252", codecs.BOM_UTF8, Encoding("cp1252")),
    ],
)
def test_a_mark_decides_where_it_may(asked: str, head: bytes, settled: Encoding) -> None:
    assert settle(asked, head) == settled


@pytest.mark.parametrize(
    ("data", "encoding", "text"),
    [
        (b"abc", Encoding("utf-8"), (b"abc", "utf-8")),
        ("é".encode(), Encoding("utf-8"), ("é".encode(), "utf-8")),
        (b"\xe9", Encoding("utf-8"), None),
        (b"\xed\xa0\x80", Encoding("utf-8"), None),
        (b"\xe9", Encoding("utf-8", is_guess=True), ("é".encode(), "latin-1")),
        (b"\xe9", Encoding("latin-1"), ("é".encode(), "latin-1")),
        (b"a\0b", Encoding("utf-8"), None),
        (b"a\0b", Encoding("utf-8", is_guess=True), None),
        (b"a\0b", Encoding("utf-8", 3), (b"a\0b", "utf-8")),
        (b"a\0b\0", Encoding("utf-16-le"), (b"ab", "utf-16-le")),
        (b"\x00\xd8", Encoding("utf-16-le"), None),
        (b"\x81", Encoding("cp1252"), None),
        ("日本".encode("shift-jis"), Encoding("shift-jis"), ("日本".encode(), "shift-jis")),
    ],
)
def test_bytes_become_utf8_or_are_no_text(data: bytes, encoding: Encoding, text: tuple[bytes, str] | None) -> None:
    assert to_utf8(data, encoding) == text


def test_a_cut_may_fall_inside_a_character() -> None:
    assert to_utf8("aé".encode()[:-1], Encoding("utf-8"), is_cut=True) == (b"a", "utf-8")
