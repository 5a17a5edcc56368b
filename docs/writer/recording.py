"""A recording of a terminal as an animated picture: what was written, when it was written.

`python -m docs.writer.recording NAME COMMAND...` runs the command on a terminal of its own and writes `NAME.cast`
(asciinema's format, version 2) and `NAME.svg` from it. Only lines and colours are understood, which is all we write.
"""

import json
import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from html import escape

import msgspec

COLUMNS, ROWS = 112, 32
LINE, CHARACTER, MARGIN = 17, 7.25, 14
STAYS_S = 1.0
PAPER, INK = "#16181d", "#d5d9e0"
STYLES = {
    "1": 'font-weight="700"',
    "2": 'fill="#8b93a1"',
    "32": 'fill="#4ade80"',
    "1;31": 'fill="#f87171" font-weight="700"',
}
_WORDS = re.compile(r"\S+(?: \S+)*")
"""What has no more than one space in a row: further ones are not kept in pictures."""
_PIECE = re.compile(r"\x1b\[([\d;]*)m")


class Event(msgspec.Struct, frozen=True, array_like=True):
    """Seconds since the start, and what was written."""

    at_s: float
    kind: str
    text: str


class Line(msgspec.Struct, frozen=True):
    """One line of the terminal, with its colours, and when it was whole."""

    at_s: float
    text: str


def record(command: Sequence[str]) -> list[Event]:
    """Run it on a terminal, and note what it writes.

    Raises:
        subprocess.CalledProcessError: it failed; a failure is not worth a picture.
    """
    ours, theirs = pty.openpty()
    environ = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(COLUMNS), "LINES": str(ROWS)}
    started = time.monotonic()
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environ)  # noqa: S603
    os.close(theirs)
    events = []
    while chunk := _read(ours):
        events.append(Event(round(time.monotonic() - started, 3), "o", chunk.decode("utf-8", "replace")))
    os.close(ours)
    if status := process.wait():
        raise subprocess.CalledProcessError(status, command)
    return events


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, 1 << 16)
    except OSError:  # what Linux says when the other side of a terminal has gone
        return b""


def as_cast(events: Sequence[Event], title: str) -> str:
    """The recording as asciinema keeps it."""
    head = {"version": 2, "width": COLUMNS, "height": ROWS, "title": title}
    return "\n".join([json.dumps(head), *(json.dumps([each.at_s, each.kind, each.text]) for each in events)]) + "\n"


def from_cast(text: str) -> list[Event]:
    """Its events."""
    return [msgspec.json.decode(line, type=Event) for line in text.splitlines()[1:]]


def lines_of(events: Sequence[Event]) -> list[Line]:
    """The lines, in order."""
    found, rest = [], ""
    for event in events:
        *whole, rest = (rest + event.text.replace("\r\n", "\n")).split("\n")
        found += [Line(event.at_s, text) for text in whole]
    return [*found, Line(events[-1].at_s, rest)] if rest else found


def as_svg(lines: Sequence[Line], title: str) -> str:
    """The picture: each line appears when it was written, and what no longer fits moves up. It plays once."""
    width, height = round(COLUMNS * CHARACTER + 2 * MARGIN), ROWS * LINE + 2 * MARGIN
    look = f'font-family="ui-monospace, Menlo, Consolas, monospace" font-size="12" fill="{INK}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" {look}>',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width}" height="{height}" rx="8" fill="{PAPER}"/>',
        f'<svg x="{MARGIN}" y="{MARGIN}" width="{width - 2 * MARGIN}" height="{ROWS * LINE}"><g>',
        *_moves(lines),
        *(_drawn(number, line) for number, line in enumerate(lines)),
        "</g></svg></svg>",
    ]
    return "\n".join(parts) + "\n"


def _moves(lines: Sequence[Line]) -> Iterator[str]:
    """One movement for all, in steps: what is frozen one by one does not add up in every browser."""
    late = lines[ROWS:]
    if late:
        whole_s = late[-1].at_s + STAYS_S
        places = ";".join(["0 0", *(f"0 {-LINE * number}" for number in range(1, len(late) + 1))])
        moments = ";".join(["0", *(f"{line.at_s / whole_s:.5f}" for line in late)])
        yield (
            f'<animateTransform attributeName="transform" type="translate" calcMode="discrete" values="{places}" '
            f'keyTimes="{moments}" dur="{whole_s:.3f}s" fill="freeze"/>'
        )


def _drawn(number: int, line: Line) -> str:
    shown = f'<set attributeName="visibility" to="visible" begin="{line.at_s:.3f}s" fill="freeze"/>'
    y = LINE * (number + 1) - 4
    return f'<g visibility="hidden">{shown}{"".join(_texts(line.text, y))}</g>'


def _texts(text: str, y: int) -> Iterator[str]:
    """Pieces of one colour, each where its column is and as wide as its characters."""
    pieces = _PIECE.split(text)
    column = 0
    for style, piece in zip(["", *pieces[1::2]], pieces[::2], strict=True):
        for word in _WORDS.finditer(piece):
            x, size = (column + word.start()) * CHARACTER, len(word[0]) * CHARACTER
            fit = f'textLength="{size:.1f}" lengthAdjust="spacingAndGlyphs"'
            yield f'<text x="{x:.1f}" y="{y}" {fit} {STYLES.get(style, "")}>{escape(word[0])}</text>'
        column += len(piece)


def main(arguments: Sequence[str]) -> int:
    """Record, keep and draw; the exit status."""
    name, *command = arguments
    title = "filewarden demo"
    events = record(command)
    with open(f"{name}.cast", "w", encoding="utf-8") as file:
        file.write(as_cast(events, title))
    with open(f"{name}.svg", "w", encoding="utf-8") as file:
        file.write(as_svg(lines_of(events), title))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
