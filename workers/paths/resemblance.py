"""Which names in a folder look like one that is not there: another normal form, other case, another ending, a typo."""

import heapq
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence

MOST_TYPOS = 3
_BEST = 5
"""So many are ranked: the nearest ones may be closed to clients."""

_Ranked = tuple[int, bytes]


def nearest(wanted: bytes, names: Sequence[bytes], is_over: Callable[[], bool]) -> list[bytes]:
    """Give the names most like `wanted`, which is none of them, nearest first; typos are looked for until `is_over`."""
    text = _text(wanted)
    likeness = _Likeness(text)
    ranked = [(rank, name) for name in names if (rank := likeness.rank(_text(name))) is not None]
    if not ranked:
        ranked = list(_mistyped(_fold(text), names, is_over))
    return [name for _, name in heapq.nsmallest(_BEST, ranked)]


class _Likeness:
    """Compares names with one that was asked for, at about a microsecond each."""

    def __init__(self, text: str) -> None:
        self._composed = unicodedata.normalize("NFC", text)
        self._folded = _fold(text)
        self._stem = _stem(self._folded)

    def rank(self, text: str) -> int | None:
        """Say how near a name is, 0 the nearest; None for one that looks different."""
        if not text.isascii() and unicodedata.normalize("NFC", text) == self._composed:
            return 0
        folded = _fold(text)
        if folded == self._folded:
            return 1
        return 2 if _stem(folded) == self._stem else None


def _mistyped(wanted: str, names: Iterable[bytes], is_over: Callable[[], bool]) -> Iterator[_Ranked]:
    """Rank the names with few typos in them. One begins or ends as the name does, or it is not looked at."""
    most = min(MOST_TYPOS, max(1, len(wanted) // 4))
    piece = max(1, len(wanted) // (most + 1))
    begin, end = wanted[:piece], wanted[-piece:]
    for name in names:
        folded = _fold(_text(name))
        if abs(len(folded) - len(wanted)) > most or not (folded.startswith(begin) or folded.endswith(end)):
            continue
        typos = distance(folded, wanted, most)
        if typos is not None:
            yield typos, name
        if is_over():
            return


def distance(one: str, other: str, most: int) -> int | None:
    """Count the letters to put in, leave out, replace, or swap with the next; None for more than `most`."""
    one, other = _apart(one, other)
    if abs(len(one) - len(other)) > most:
        return None
    before: list[int] = []
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, 1):
        before, above, row = row, before, [at] + [0] * len(other)
        for to, wanted in enumerate(other, 1):
            best = min(before[to] + 1, row[to - 1] + 1, before[to - 1] + (letter != wanted))
            if at > 1 and to > 1 and letter == other[to - 2] and one[at - 2] == wanted:
                best = min(best, above[to - 2] + 1)
            row[to] = best
        if min(row) > most:
            return None
    return row[-1] if row[-1] <= most else None


def _apart(one: str, other: str) -> tuple[str, str]:
    """Leave out what both begin and end with."""
    shorter = min(len(one), len(other))
    begin = next((at for at in range(shorter) if one[at] != other[at]), shorter)
    rest = shorter - begin
    end = next((at for at in range(rest) if one[-1 - at] != other[-1 - at]), rest)
    return one[begin : len(one) - end], other[begin : len(other) - end]


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def _fold(text: str) -> str:
    """Give one form to what looks alike: composed or not, wide or narrow, any case, any kind of space and dash."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKC", text).casefold()
    kept = ("-" if unicodedata.category(one) == "Pd" else one for one in folded if unicodedata.category(one) != "Cf")
    return "".join(" " if one.isspace() else one for one in kept)


def _stem(text: str) -> str:
    return text.rpartition(".")[0] or text
