"""How much of an answer may still be written: whole items, counted as the characters of their JSON."""

import msgspec

_ENVELOPE_CHARS = 512

_encode = msgspec.json.Encoder().encode


class Budget:
    """The characters left for the items of one answer."""

    def __init__(self, max_answer_chars: int) -> None:
        self._left = max_answer_chars - _ENVELOPE_CHARS
        self._is_untouched = True

    def take(self, item: msgspec.Struct) -> bool:
        """Whether the item still fits; it is then paid for. The first always does, so every page makes progress."""
        raw = _encode(item)
        cost = 1 + (len(raw) if raw.isascii() else len(raw.decode()))
        if cost > self._left and not self._is_untouched:
            return False
        self._left -= cost
        self._is_untouched = False
        return True

    def take_chars(self, cost: int) -> bool:
        """Whether so many characters still fit."""
        if cost > self._left and not self._is_untouched:
            return False
        self._left -= cost
        self._is_untouched = False
        return True
