"""A text with its line ends set aside, so that it can be changed without touching those of other lines. Pure."""

import re
from collections import Counter
from collections.abc import Sequence

_LINE_END = re.compile(r"\r\n|\n|\r")


class EvenText:
    """A text whose lines all end in `\\n`, and beside it the line end that each of them really has."""

    def __init__(self, text: str) -> None:
        self.ends: list[str] = _LINE_END.findall(text)
        self.flat = evened(text)
        self._usual: str | None = None

    def text(self) -> str:
        """The text with its own line ends."""
        lines = self.flat.split("\n")
        pieces = [piece for line, end in zip(lines, [*self.ends, ""], strict=True) for piece in (line, end)]
        return "".join(pieces)

    def replace(self, starts: Sequence[int], length: int, new: str) -> None:
        """Put `new`, whose lines end in `\\n`, in place of so many characters at each of the places, in one pass.

        The places are in order, do not overlap, and hold the same text; lines that stay keep their ends.
        """
        if "\n" not in new and "\n" not in self.flat[starts[0] : starts[0] + length]:
            self._replace_within_lines(starts, length, new)
            return
        flat, pieces, ends = self.flat, list[str](), list[str]()
        new_lines = new.split("\n")[:-1]
        done = line = kept_from = 0
        for start in starts:
            pieces += (flat[done:start], new)
            first = line + flat.count("\n", done, start)
            old_lines = flat[start : start + length].split("\n")[:-1]
            line = first + len(old_lines)
            ends += self.ends[kept_from:first]
            ends += self._ends_for(old_lines, new_lines, first, line)
            kept_from, done = line, start + length
        self.flat = "".join((*pieces, flat[done:]))
        self.ends = ends + self.ends[kept_from:]
        self._usual = None

    def _replace_within_lines(self, starts: Sequence[int], length: int, new: str) -> None:
        """The same where no line begins or ends in what is replaced; the same text stands at all the places."""
        begins, stops = (0, *(start + length for start in starts)), (*starts, len(self.flat))
        self.flat = new.join([self.flat[begin:stop] for begin, stop in zip(begins, stops, strict=True)])

    def _ends_for(self, old: list[str], new: list[str], first: int, last: int) -> list[str]:
        """The ends of the new lines: those of the old ones they stand for, else that of their surroundings."""
        had, needed = self.ends[first:last], len(new)
        head = _common(old, new, min(len(had), needed))
        tail = _common(old[::-1], new[::-1], min(len(had), needed) - head)
        middle_had = had[head : len(had) - tail]
        middle_needed = needed - head - tail
        added = [self._end_near(first, last)] * max(0, middle_needed - len(middle_had))
        return [*had[:head], *middle_had[:middle_needed], *added, *had[len(had) - tail :]]

    def _end_near(self, first: int, last: int) -> str:
        """What a further line should end in: as the last one replaced, the line around, or most of the text."""
        if last > first:
            return self.ends[last - 1]
        if last < len(self.ends):
            return self.ends[last]
        if self._usual is None:
            self._usual = Counter(self.ends).most_common(1)[0][0] if self.ends else "\n"
        return self._usual


def evened(text: str) -> str:
    """The text with every line end written as `\\n`."""
    return _LINE_END.sub("\n", text)


def _common(one: list[str], other: list[str], most: int) -> int:
    """How many lines at the start are the same, `most` at the most."""
    count = 0
    while count < most and one[count] == other[count]:
        count += 1
    return count
