import codecs

import pytest
from hypothesis import given, strategies as st

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.text.codec import KNOWN
from filewarden.workers.text.decoding import (
    Decoded,
    Encoding,
    decode,
    known_name,
    measure,
    settle,
    whole_characters,
)


def test_every_known_encoding_exists_and_keeps_line_feeds() -> None:
    for name in KNOWN:
        assert "a\nb".encode(name).decode(name) == "a\nb"


@pytest.mark.parametrize("name", [name for name in sorted(KNOWN) if not name.startswith("utf-")])
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
    ("data", "encoding", "decoded"),
    [
        (b"abc", Encoding("utf-8"), Decoded(b"abc", "utf-8", is_ascii=True)),
        ("é".encode(), Encoding("utf-8"), Decoded("é".encode(), "utf-8")),
        (b"\xe9", Encoding("utf-8"), None),
        (b"\xed\xa0\x80", Encoding("utf-8"), None),
        (b"\xe9", Encoding("utf-8", is_guess=True), Decoded("é".encode(), "latin-1", confidence=0.0)),
        (b"\xe9", Encoding("latin-1"), Decoded("é".encode(), "latin-1")),
        (b"a\0b", Encoding("utf-8"), None),
        (b"a\0b", Encoding("utf-8", is_guess=True), None),
        (b"a\0b", Encoding("utf-8", 3), Decoded(b"a\0b", "utf-8", is_ascii=True)),
        (b"a\0b\0", Encoding("utf-16-le"), Decoded(b"ab", "utf-16-le")),
        (b"\x00\xd8", Encoding("utf-16-le"), None),
        (b"\x81", Encoding("cp1252"), None),
        ("日本".encode("shift-jis"), Encoding("shift-jis"), Decoded("日本".encode(), "shift-jis")),
    ],
)
def test_bytes_become_utf8_or_are_no_text(data: bytes, encoding: Encoding, decoded: Decoded | None) -> None:
    assert decode(data, encoding) == decoded


@pytest.mark.parametrize(
    ("data", "encoding", "unused"),
    [("aé".encode()[:-1], "utf-8", 1), ("aあ".encode("cp932")[:-1], "cp932", 1), (b"a\0b", "utf-16-le", 1)],
)
def test_a_cut_may_fall_inside_a_character(data: bytes, encoding: str, unused: int) -> None:
    assert decode(data, Encoding(encoding), is_cut=True) == Decoded(b"a", encoding, unused=unused)


SENTENCES = {
    "cp1252": "Die Prüfung der Größe ergab, dass die Bäume “höher” wachsen als üblich. Schöne Grüße – aus München!",
    "cp1251": "Съешь же ещё этих мягких французских булок, да выпей чаю. Привет, как дела?",
    "koi8-r": "Съешь же ещё этих мягких французских булок, да выпей чаю. Привет, как дела?",
    "cp1250": "Příliš žluťoučký kůň úpěl ďábelské ódy. Dobrý den, jak se máte dnes večer?",
    "iso8859-7": "Καλημέρα σας, τι κάνετε σήμερα; Ο καιρός είναι πολύ καλός στην Ελλάδα.",
    "cp1255": "שלום לכולם, מה שלומכם היום? אנחנו הולכים לים עם החברים שלנו.",
    "cp932": "これは日本語のテキストです。文字コードの判定を試しています。",
    "euc-jp": "これは日本語のテキストです。文字コードの判定を試しています。",
    "gb18030": "这是一个简体中文的测试文件，用来检测编码是否正确。今天天气很好。",
    "big5": "這是一個繁體中文的測試檔案，用來檢測編碼是否正確。今天天氣很好。",
    "cp949": "이것은 한국어 텍스트입니다. 인코딩을 감지하는 시험을 하고 있습니다.",
}


@pytest.mark.parametrize(("encoding", "text"), SENTENCES.items())
def test_the_encoding_of_a_sentence_is_detected(encoding: str, text: str) -> None:
    found = decode(text.encode(encoding), Encoding("utf-8", is_guess=True))
    assert found is not None
    assert found.text.decode() == text
    assert found.confidence is not None
    assert found.confidence > 0.5


@given(data=st.binary(min_size=1, max_size=300))
def test_without_a_mark_any_bytes_but_nul_are_text_for_auto(data: bytes) -> None:
    found = decode(data.replace(b"\0", b" "), Encoding("utf-8", is_guess=True))
    assert found is not None
    found.text.decode()
    assert found.encoding in KNOWN


def test_a_head_settles_what_the_rest_is_read_as() -> None:
    settled = settle("auto", SENTENCES["cp1251"].encode("cp1251"))
    assert (settled.name, settled.is_guess) == ("cp1251", True)
    assert decode("Да".encode("cp1251"), settled) == Decoded("Да".encode(), "cp1251", confidence=settled.confidence)


@given(text=st.text(max_size=40))
def test_the_length_in_the_file_is_known_for_every_piece(text: str) -> None:
    for name in ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "gb18030"):
        assert measure(name)(text.encode()) == len(text.encode(name))
    for cut in range(len(text.encode())):
        left, right = text.encode()[:cut], text.encode()[cut:]
        assert measure("utf-16-le")(left) + measure("utf-16-le")(right) == len(text.encode("utf-16-le"))


@given(text=st.text(min_size=1, max_size=20), cut=st.integers(min_value=0, max_value=3))
def test_data_from_anywhere_begins_with_a_whole_character(text: str, cut: int) -> None:
    for name in ("utf-8", "utf-16-le", "utf-16-be"):
        data = text.encode(name)
        whole = whole_characters(data[cut - cut % (1 if name == "utf-8" else 2) :], name)
        assert whole.decode(name) in text
