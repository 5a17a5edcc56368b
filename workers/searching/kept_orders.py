"""The sorted keys of folders that were listed before: listing them again need not read and sort them again.

Stamps tell whether a folder is still the same; what its names stand for is looked at anew. Of long folders the last
one is kept, for its further pages. Shorter ones are kept from their second listing on, since most are listed once.
"""

import time
from collections import OrderedDict

import msgspec

MOST_KEYS = 2048
"""Of all shorter folders together: half a mebibyte, with names of the usual length."""
MOST_FOLDERS = 256
"""Of which it is known that they were listed."""
CONTINUED_S = 60.0
"""How long the order by size or time that one page began with is good enough for the next."""

Key = tuple[int, str, bytes]
"""A number by what is sorted by, and the name twice: without its case, and as it is."""
Stamps = tuple[int, ...]
"""What a folder is, and when it was changed last."""


class Question(msgspec.Struct, frozen=True):
    """What is listed: a folder by where it lies, and what else decides on which keys it has."""

    place: tuple[object, ...]
    stamps: Stamps


class _Long(msgspec.Struct, frozen=True):
    question: Question
    keys: list[Key]
    is_lasting: bool
    kept_at: float


class _Short(msgspec.Struct, frozen=True):
    stamps: Stamps
    keys: list[Key] | None = None


class KeptOrders:
    """What one worker has kept. Whoever gets keys leaves them as they are."""

    def __init__(self) -> None:
        self._long: _Long | None = None
        self._short: OrderedDict[tuple[object, ...], _Short] = OrderedDict()
        """Those used last at the end."""
        self._count = 0
        """Keys in it."""

    def answer(self, question: Question, *, is_continued: bool) -> list[Key] | None:
        """Give the keys; an order that other things than the folder decide on only to whom it was shown before."""
        short = self._short.get(question.place)
        if short is not None and short.keys is not None and short.stamps == question.stamps:
            self._short.move_to_end(question.place)
            return short.keys
        long = self._long
        if long is None or long.question != question:
            return None
        if long.is_lasting or (is_continued and time.monotonic() - long.kept_at < CONTINUED_S):
            return long.keys
        return None

    def keep_long(self, question: Question, keys: list[Key], *, is_lasting: bool) -> None:
        """Keep them instead of those of the last long folder."""
        self._long = _Long(question, keys, is_lasting, time.monotonic())

    def is_again(self, question: Question) -> bool:
        """Whether it was listed before, and is the same; if not, it will have been by the next time."""
        known = self._short.get(question.place)
        if known is not None and known.stamps == question.stamps:
            return True
        self._put(question.place, _Short(question.stamps))
        return False

    def keep_short(self, question: Question, keys: list[Key]) -> None:
        """Keep them until others need the room. The folder alone decides on their order."""
        if len(keys) <= MOST_KEYS:
            self._put(question.place, _Short(question.stamps, keys))

    def _put(self, place: tuple[object, ...], short: _Short) -> None:
        self._drop(self._short.pop(place, None))
        self._short[place] = short
        self._count += len(short.keys or ())
        while self._count > MOST_KEYS or len(self._short) > MOST_FOLDERS:
            self._drop(self._short.popitem(last=False)[1])

    def _drop(self, short: _Short | None) -> None:
        if short is not None:
            self._count -= len(short.keys or ())
