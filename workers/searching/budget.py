"""How much of an answer may still be written: whole items, counted as the characters of their JSON."""

from collections.abc import Callable

import msgspec

_ENVELOPE_CHARS = 512

_encode = msgspec.json.Encoder().encode


class Budget:
    """The characters left for the items of one answer."""

    def __init__(self, max_answer_chars: int) -> None:
        self.left = self._most = max_answer_chars - _ENVELOPE_CHARS
        """How many characters."""
        self._is_untouched = True

    def take(self, item: msgspec.Struct) -> bool:
        """Whether the item still fits; it is then paid for. The first always does, so every page makes progress."""
        cost = 1 + json_chars(item)
        if cost > self.left and not self._is_untouched:
            return False
        self.left -= cost
        self._is_untouched = False
        return True

    def take_some(self, count: int, cost: Callable[[int, int], int]) -> int:
        """How many of `count` items, from the first on, still fit, as `take` would find; they are then paid for.

        `cost` says of those from one to before another what they cost together.
        """
        if not count:
            return 0
        whole = cost(0, count)
        while whole > self.left and count > 1:
            count -= 1
            whole -= cost(count, count + 1)
        return count if self.take_chars(whole) else 0

    def room_after(self, count: int) -> int:
        """How many more items fit, if they are as long as the `count` items that were taken."""
        return self.left * count // max(1, self._most - self.left)

    def take_chars(self, cost: int) -> bool:
        """Whether so many characters still fit."""
        if cost > self.left and not self._is_untouched:
            return False
        self.left -= cost
        self._is_untouched = False
        return True


def json_chars(value: object) -> int:
    """How many characters a value has as JSON."""
    raw = _encode(value)
    return len(raw) if raw.isascii() else len(raw.decode())
