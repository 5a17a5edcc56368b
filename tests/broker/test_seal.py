import pytest

from filewarden.broker.seal import LIFETIME_S, LONGEST_CURSOR, BadCursorError, Seal

KEY = bytes(range(32))


def test_a_cursor_opens_for_the_same_question() -> None:
    seal = Seal(KEY)
    assert seal.open(seal.close("after b.txt é", b"q", 1000.0), b"q", 1001.0) == "after b.txt é"


def test_a_cursor_is_plain_url_safe_text() -> None:
    assert Seal(KEY).close("x" * 50, b"q", 0.0).replace("-", "a").replace("_", "a").isalnum()


def test_replicas_with_one_key_understand_each_other() -> None:
    assert Seal(KEY).open(Seal(KEY).close("s", b"q", 0.0), b"q", 1.0) == "s"


def test_keys_are_replaced_in_turn() -> None:
    old, new = b"o" * 32, b"n" * 32
    by_old, by_new = Seal(old).close("s", b"q", 0.0), Seal(new, old).close("s", b"q", 0.0)
    assert Seal(new, old).open(by_old, b"q", 1.0) == "s"
    assert Seal(new).open(by_new, b"q", 1.0) == "s"
    with pytest.raises(BadCursorError):
        Seal(new).open(by_old, b"q", 1.0)


@pytest.mark.parametrize(
    ("key", "question", "now"),
    [
        pytest.param(b"another key", b"q", 0.0, id="another server's key"),
        pytest.param(KEY, b"another", 0.0, id="another question"),
        pytest.param(KEY, b"q", LIFETIME_S + 2.0, id="expired"),
    ],
)
def test_a_cursor_is_refused_elsewhere(key: bytes, question: bytes, now: float) -> None:
    cursor = Seal(KEY).close("s", b"q", 0.0)
    with pytest.raises(BadCursorError):
        Seal(key).open(cursor, question, now)


def test_every_changed_character_is_noticed() -> None:
    seal = Seal(KEY)
    cursor = seal.close("state", b"q", 0.0)
    for place, character in enumerate(cursor[:-1]):
        changed = cursor[:place] + ("A" if character != "A" else "B") + cursor[place + 1 :]
        with pytest.raises(BadCursorError):
            seal.open(changed, b"q", 0.0)


@pytest.mark.parametrize("text", ["", "A", "====", "\x00", "é", "not base64!", "A" * (LONGEST_CURSOR + 4)])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(BadCursorError):
        Seal(KEY).open(text, b"q", 0.0)
