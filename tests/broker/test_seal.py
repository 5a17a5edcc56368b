import pytest

from filewarden.broker.seal import LONGEST_TEXT, BadSealError, Seal

KEY = bytes(range(32))
LATER = 3600.0


def test_a_cursor_opens_for_the_same_question() -> None:
    seal = Seal(KEY)
    assert seal.open(seal.close(b"after b.txt", b"q", LATER), b"q", 1001.0) == b"after b.txt"


def test_a_cursor_is_plain_url_safe_text() -> None:
    assert Seal(KEY).close(b"x" * 50, b"q", LATER).replace("-", "a").replace("_", "a").isalnum()


def test_replicas_with_one_key_understand_each_other() -> None:
    assert Seal(KEY).open(Seal(KEY).close(b"s", b"q", LATER), b"q", 1.0) == b"s"


def test_keys_are_replaced_in_turn() -> None:
    old, new = b"o" * 32, b"n" * 32
    by_old, by_new = Seal(old).close(b"s", b"q", LATER), Seal(new, old).close(b"s", b"q", LATER)
    assert Seal(new, old).open(by_old, b"q", 1.0) == b"s"
    assert Seal(new).open(by_new, b"q", 1.0) == b"s"
    with pytest.raises(BadSealError):
        Seal(new).open(by_old, b"q", 1.0)


@pytest.mark.parametrize(
    ("key", "question", "now"),
    [
        pytest.param(b"another key", b"q", 0.0, id="another server's key"),
        pytest.param(KEY, b"another", 0.0, id="another question"),
        pytest.param(KEY, b"q", LATER + 2.0, id="expired"),
    ],
)
def test_a_cursor_is_refused_elsewhere(key: bytes, question: bytes, now: float) -> None:
    cursor = Seal(KEY).close(b"s", b"q", LATER)
    with pytest.raises(BadSealError):
        Seal(key).open(cursor, question, now)


def test_every_changed_character_is_noticed() -> None:
    seal = Seal(KEY)
    cursor = seal.close(b"state", b"q", LATER)
    for place, character in enumerate(cursor[:-1]):
        changed = cursor[:place] + ("A" if character != "A" else "B") + cursor[place + 1 :]
        with pytest.raises(BadSealError):
            seal.open(changed, b"q", 0.0)


@pytest.mark.parametrize("text", ["", "A", "====", "\x00", "é", "not base64!", "A" * (LONGEST_TEXT + 4)])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(BadSealError):
        Seal(KEY).open(text, b"q", 0.0)


def test_a_cursor_has_one_spelling_of_bounded_length() -> None:
    seal = Seal(KEY)
    cursor = seal.close(b"state", b"q", LATER)
    for spelled in (cursor[:4] + "!" + cursor[4:], cursor + "\n", seal.close(b"x" * LONGEST_TEXT, b"q", LATER)):
        with pytest.raises(BadSealError):
            seal.open(spelled, b"q", 0.0)
