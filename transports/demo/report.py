"""What the person sees: acts, aligned tables, and one line for every claim with whether it held."""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TextIO

_BOLD, _DIM, _GREEN, _RED, _RESET = "\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[1;31m", "\x1b[0m"
_WIDEST_CELL = 84


class Report:
    """Writes to `stream` as things happen, and remembers which claims failed."""

    def __init__(self, stream: TextIO, *, coloured: bool) -> None:
        self._stream = stream
        self._coloured = coloured
        self._acts = 0
        self.claims = 0
        self.failed: list[str] = []

    def title(self, text: str, detail: str) -> None:
        """Say what this is."""
        self._line(f"{self._paint(_BOLD, text)}  {self._paint(_DIM, printable(detail))}")

    def act(self, text: str) -> None:
        """Begin a part."""
        self._acts += 1
        self._line("")
        self._line(self._paint(_BOLD, f"{self._acts}. {text}"))

    def note(self, text: str) -> None:
        """Say something in passing."""
        self._line(f"   {self._paint(_DIM, printable(text))}")

    def gap(self) -> None:
        """Leave a line empty."""
        self._line("")

    def claim(self, text: str, held: bool) -> bool:
        """Say whether something holds; what does not makes the whole demonstration fail."""
        self.claims += 1
        if held:
            self._line(f"   {self._paint(_GREEN, 'ok')}      {printable(text)}")
        else:
            self.failed.append(printable(text))
            self._line(f"   {self._paint(_RED, 'FAILED')}  {printable(text)}")
        return held

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Show rows under their heads; cells that begin with a digit stand to the right."""
        cells = [[shortened(printable(cell)) for cell in row] for row in rows]
        widths = [max(len(row[column]) for row in [list(heads), *cells]) for column in range(len(heads))]
        right = [all(row[column][:1].isdigit() for row in cells) for column in range(len(heads))]
        self._line("   " + self._paint(_DIM, _aligned(heads, widths, right)))
        for row in cells:
            self._line("   " + _aligned(row, widths, right))

    def verdict(self, seconds: float) -> bool:
        """Close; whether every claim held."""
        self._line("")
        if self.failed or not self.claims:
            self._line(self._paint(_RED, f"{len(self.failed)} of {self.claims} claims failed ({seconds:.1f} s):"))
            for text in self.failed:
                self._line(f"   {text}")
            return False
        self._line(self._paint(_GREEN, f"All {self.claims} claims held ({seconds:.1f} s)."))
        return True

    def _paint(self, colour: str, text: str) -> str:
        return f"{colour}{text}{_RESET}" if self._coloured else text

    def _line(self, text: str) -> None:
        encoding = self._stream.encoding or "ascii"
        self._stream.write(text.encode(encoding, "replace").decode(encoding) + "\n")
        self._stream.flush()


def open_report(stream: TextIO | None = None, environ: Mapping[str, str] | None = None) -> Report:
    """Report to standard output, in colour on a terminal unless NO_COLOR is set (no-color.org)."""
    target = sys.stdout if stream is None else stream
    variables = os.environ if environ is None else environ
    coloured = target.isatty() and not variables.get("NO_COLOR") and variables.get("TERM") != "dumb"
    return Report(target, coloured=coloured)


def printable(text: str) -> str:
    """Text from files and their names with everything replaced that a terminal might obey."""
    return "".join(character if character.isprintable() else "?" for character in text)


def shortened(text: str) -> str:
    """Text that fits a cell."""
    return text if len(text) <= _WIDEST_CELL else text[: _WIDEST_CELL - 3] + "..."


def milliseconds(seconds: float) -> str:
    """A duration for people."""
    value = seconds * 1000
    return f"{value:.0f} ms" if value >= 100 else f"{value:.1f} ms"


def _aligned(row: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    columns = zip(row, widths, right, strict=True)
    return "  ".join(cell.rjust(width) if to_right else cell.ljust(width) for cell, width, to_right in columns).rstrip()
