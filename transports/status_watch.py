"""`status --watch`: the same every second, until Ctrl-C.

In a terminal it is a live table, drawn by rich where the extra `filewarden[watch]` is installed and by hand where not;
elsewhere the plain text is printed again and again, with the time above it.
"""

import math
import shutil
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from filewarden.broker.lifecycle import State
from filewarden.broker.status import Status
from filewarden.transports.exit_status import EXIT_OK
from filewarden.transports.status_sight import HEADINGS, NO_SERVER, Sight, headlines, json_line, plain, row_of

if TYPE_CHECKING:
    from rich.console import RenderableType

EVERY_S = 1.0
CLEAR = "\x1b[H\x1b[J"
"""To the top, and nothing below it (ECMA-48: CUP, ED)."""
COLOURS = {State.IDLE: "green", State.BUSY: "yellow", State.STARTING: "cyan", State.STOPPING: "magenta"}
OTHER_COLOUR = "red"

Look = Callable[[], Sight]


def watch(look: Look, *, as_json: bool) -> int:
    """Look and show until somebody presses Ctrl-C, which is no failure; the exit status."""
    try:
        if as_json:
            _repeat(look, json_line)
        elif not sys.stdout.isatty():
            _repeat(look, lambda sight: f"{_now()}\n{_text(sight)}")
        elif not _live(look):
            _repeat(look, lambda sight: CLEAR + fitting(_heading() + _text(sight), *shutil.get_terminal_size()))
    except KeyboardInterrupt:
        pass
    return EXIT_OK


def _repeat(look: Look, show: Callable[[Sight], str]) -> None:
    while True:
        sys.stdout.write(show(look()))
        sys.stdout.flush()
        time.sleep(EVERY_S)


def fitting(text: str, columns: int, lines: int) -> str:
    """As much of a text, from its top, as a terminal has room for: what stands below would scroll the top away."""
    rows, room = text.splitlines(), lines - 1
    kept: list[str] = []
    for at, row in enumerate(rows):
        room -= max(1, math.ceil(len(row) / max(1, columns)))
        if room < (at < len(rows) - 1):
            return "\n".join([*kept, "..."]) + "\n"
        kept.append(row)
    return text


def _heading() -> str:
    return f"{_now()}  (Ctrl-C ends this)\n\n"


def _now() -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S")


def _text(sight: Sight) -> str:
    complaints = [NO_SERVER] if sight.is_empty else sight.complaints
    return plain(sight) + "".join(f"{sentence}\n" for sentence in complaints)


def _live(look: Look) -> bool:
    """Draw with rich until Ctrl-C; false where it is not installed."""
    try:
        from rich.live import Live
    except ImportError:
        return False
    with Live(_drawn(look()), screen=True, auto_refresh=False) as live:
        while True:
            time.sleep(EVERY_S)
            live.update(_drawn(look()), refresh=True)


def _drawn(sight: Sight) -> "RenderableType":
    """Texts, not markup: what a server says is shown as it is."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [Text(f"{_now()}  (Ctrl-C ends this)", style="dim")]
    for status in sight.statuses:
        if status is not None:
            parts += [Text(""), *map(Text, headlines(status)), _table(status)]
    complaints = [NO_SERVER] if sight.is_empty else sight.complaints
    return Group(*parts, *(Text(sentence, style="bold red") for sentence in complaints))


def _table(status: Status) -> "RenderableType":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in HEADINGS:
        table.add_column(heading, no_wrap=True)
    for worker in status.workers:
        colour = COLOURS.get(worker.state, OTHER_COLOUR)
        state = HEADINGS.index("state")
        table.add_row(*(Text(cell, style=colour if at == state else "") for at, cell in enumerate(row_of(worker))))
    return table
