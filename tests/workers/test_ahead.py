"""A long text in pieces."""

import pytest

from filewarden.workers.ahead import AHEAD_BYTES, pieces


@pytest.mark.parametrize("character", ["x", "\u00fc", "\u20ac", "\U0001f600"])
@pytest.mark.parametrize("shift", [0, 1, 2, 3])
def test_no_piece_ends_inside_a_character(character: str, shift: int) -> None:
    text = "x" * shift + character * AHEAD_BYTES
    parts = [bytes(piece) for piece in pieces(text.encode())]
    assert "".join(part.decode() for part in parts) == text
    assert all(AHEAD_BYTES - 4 < len(part) <= AHEAD_BYTES for part in parts[:-1])


def test_of_nothing_there_are_none() -> None:
    assert list(pieces(b"")) == []
