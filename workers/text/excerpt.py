"""A text as it is shown to a reader: lines numbered, long ones clipped with a word on where the rest stands."""

from collections.abc import Callable, Iterator

import msgspec

MOST_CLIPS_TOLD = 20
"""Each clipped line says where its rest begins; beside the text so many are listed."""


class Clip(msgspec.Struct, frozen=True):
    """A line that was shown in part, and where in the file its rest begins."""

    line: int | None
    byte_offset: int


class Excerpt(msgspec.Struct, frozen=True):
    """What is left of a text after it was made fit to be shown."""

    text: bytes
    lines: int
    """How many lines of the text are in it."""
    source_bytes: int
    """How many bytes of the file they took."""
    clips: tuple[Clip, ...]
    clipped: int
    """How many lines were clipped, told in `clips` or not."""


class View(msgspec.Struct, frozen=True):
    """How lines are shown. `measure` tells how many bytes of the file a piece of UTF-8 stands for."""

    numbered: bool
    max_line_chars: int | None
    room: int
    """How many bytes the result may have; it stops at a whole line."""
    measure: Callable[[bytes], int]

    def show(self, text: bytes, first: int | None, start: int) -> Excerpt:
        """Show the lines of `text`, the first of which has this number and stands at `start` in the file."""
        shown = bytearray()
        clips: list[Clip] = []
        position, lines, clipped = start, 0, 0
        for line in _lines(text):
            number = None if first is None else first + lines
            head, rest = self._clip(line, position)
            piece = b"%6d\t%b" % (number, head) if self.numbered and number is not None else head
            if shown and len(shown) + len(piece) > self.room:
                break
            shown += piece
            if rest is not None:
                clipped += 1
                clips += [Clip(number, rest)] if clipped <= MOST_CLIPS_TOLD else []
            position += self.measure(line)
            lines += 1
        return Excerpt(bytes(shown), lines, position - start, tuple(clips), clipped)

    def _clip(self, line: bytes, position: int) -> tuple[bytes, int | None]:
        """Give the line as shown, and where in the file the part that is left out begins, if one is."""
        most = self.max_line_chars
        if most is None or len(line) <= most:
            return line, None
        body = line.rstrip(b"\r\n")
        characters = body.decode()
        if len(characters) <= most:
            return line, None
        head = characters[:most].encode()
        rest = position + self.measure(head)
        mark = f" … [{len(characters) - most} more characters; byte_offset={rest}]"
        return head + mark.encode() + line[len(body) :], rest


def _lines(text: bytes) -> Iterator[bytes]:
    """Split after line feeds only, as everything else here does; one at a time, for there may be as many as bytes."""
    begin = 0
    while begin < len(text):
        end = text.find(b"\n", begin) + 1 or len(text)
        yield text[begin:end]
        begin = end
