import pytest
from hypothesis import example, given, strategies as st

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.paths import names

NAMES = st.binary(min_size=1, max_size=40).filter(lambda name: b"\0" not in name and b"/" not in name)
TRICKY = st.text(alphabet="\\x5C41eE\u202e\n é", min_size=1, max_size=20).map(str.encode)


@given(NAMES | TRICKY)
def test_every_name_comes_back_from_its_shown_form(name: bytes) -> None:
    assert names.parse(names.show(name)) == name


@given(NAMES)
def test_a_shown_name_is_one_line_of_visible_text(name: bytes) -> None:
    shown = names.show(name)
    shown.encode()
    assert "\n" not in shown
    assert not any(ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0 for character in shown)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"plain.txt", "plain.txt"),
        ("café".encode(), "café"),
        ("日本.txt".encode(), "日本.txt"),
        (b"caf\xe9", r"caf\xE9"),
        (b"\xff\xfe", r"\xFF\xFE"),
        (b"a\n[FILE] forged.txt", r"a\x0A[FILE] forged.txt"),
        (b"\x1b]0;pwn\x07", r"\x1B]0;pwn\x07"),
        ("\x9b31m".encode(), r"\xC2\x9B31m"),
        ("a\u2028b\u2029c\x85d".encode(), r"a\xE2\x80\xA8b\xE2\x80\xA9c\xC2\x85d"),
        ("invoice_\u202efdp.exe".encode(), r"invoice_\xE2\x80\xAEfdp.exe"),
        ("a\u200bb\ufeffc\U000e0041".encode(), r"a\xE2\x80\x8Bb\xEF\xBB\xBFc\xF3\xA0\x81\x81"),
        ("x\ufe0f".encode(), r"x\xEF\xB8\x8F"),
        (b"a\\b", r"a\b"),
        (b"a\\x41", r"a\x5Cx41"),
        (b"a\\xZZ", r"a\xZZ"),
        (b"\\\\server", r"\x5C\server"),
        (b"\\\n", r"\x5C\x0A"),
        (b"a\\\\b/\\\\c", r"a\\b/\x5C\c"),
        ("Screenshot 3.05\u202fPM.png".encode(), "Screenshot 3.05\u202fPM.png"),
    ],
)
def test_p29_p30_p31_p32_o01_o02_what_cannot_be_seen_is_escaped(name: bytes, shown: str) -> None:
    assert names.show(name) == shown


@pytest.mark.parametrize("text", [r"\x2F", r"\x2f", r"\x2e\x2e", r"\x00", r"a\x41", r"\x20", r"\x7e"])
def test_p36_an_escape_of_what_can_be_written_plainly_is_refused(text: str) -> None:
    with pytest.raises(ToolFailure) as refused:
        names.parse(text)
    assert refused.value.code is Code.INVALID_ARGUMENT


@pytest.mark.parametrize("text", ["\ud800", "a\udcff"])
def test_p28_a_lone_surrogate_is_refused(text: str) -> None:
    with pytest.raises(ToolFailure) as refused:
        names.parse(text)
    assert refused.value.code is Code.INVALID_ARGUMENT
    refused.value.message.encode()


def test_escapes_may_be_written_in_either_case() -> None:
    assert names.parse(r"\xe9\xE9\x5c\x5C") == b"\xe9\xe9\\\\"


@given(st.text(max_size=600))
@example("x" * 201)
@example("\n" * 51)
def test_p27_an_echo_is_short_and_visible(text: str) -> None:
    echoed = names.echo(text)
    echoed.encode()
    assert len(echoed) <= 200
    assert "\n" not in echoed


def test_an_echo_that_is_cut_says_so() -> None:
    assert names.echo("x" * 200) == "x" * 200
    assert names.echo("x" * 201) == "x" * 199 + "…"
