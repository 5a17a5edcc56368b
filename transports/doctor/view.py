"""The doctor's answer, for a person and for a program."""

from collections.abc import Iterator

import msgspec

from filewarden.transports.doctor.findings import Row, State
from filewarden.transports.exit_status import EXIT_FAILURE, EXIT_OK

HEADLINES = {
    "layers": "What a worker is confined by",
    "files": "Files outside the roots",
    "changes": "Changing what is not to be changed",
    "metadata": "Names, sizes and times outside the roots",
    "network": "The network",
    "processes": "Other processes",
    "kernel": "The kernel",
    "resources": "The machine's resources",
    "seen from outside": "The worker as the host sees it",
    "writers": "A worker that writes, in a root of its own",
    "machine": "This machine and this configuration",
    "limits": "Limits of this machine",
    "clients": "Clients that start a filewarden",
}


class Answer(msgspec.Struct, kw_only=True):
    """Everything that was found."""

    server: str
    version: str
    mode: str
    machine: dict[str, str]
    notes: list[str] = []
    level: str = "none"
    refusal: str | None = None
    """Why a server with this configuration would not serve."""
    degraded: tuple[str, ...] = ()
    layers: dict[str, dict[str, bool | int | str | None]] = {}
    rows: list[Row] = []
    took_s: float = 0.0

    @property
    def broken(self) -> list[Row]:
        """What should have held and did not."""
        return [row for row in self.rows if row.state is State.BROKEN]

    @property
    def exit_status(self) -> int:
        """0 when a server would serve and nothing that it relies on is broken."""
        return EXIT_FAILURE if self.refusal is not None or self.broken else EXIT_OK


def as_json(answer: Answer) -> str:
    """One document: the fields of `Answer` and the exit status."""
    document = {**msgspec.to_builtins(answer), "exit_status": answer.exit_status}
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


def as_text(answer: Answer) -> str:
    """A table for each area, and the verdict."""
    return "\n".join(_lines(answer)) + "\n"


def _lines(answer: Answer) -> Iterator[str]:
    yield f"{answer.server} {answer.version}: attacks from inside a worker of this machine"
    yield from (f"note: {note}" for note in answer.notes)
    widths = [max((len(cell) for cell in column), default=0) for column in zip(*map(_short, answer.rows), strict=True)]
    for area, headline in HEADLINES.items():
        rows = [row for row in answer.rows if row.area == area]
        if rows:
            yield ""
            yield headline
        for row in rows:
            cells = [cell.ljust(width) for cell, width in zip(_short(row), widths, strict=True)]
            yield f"  {'  '.join(cells)}  {_long(row)}".rstrip()
    yield ""
    yield ", ".join(f"{name} {value}" for name, value in answer.machine.items())
    yield ""
    yield from _verdict(answer)


def _short(row: Row) -> tuple[str, str]:
    return row.state.value, row.what


def _long(row: Row) -> str:
    return f"{row.seen}  ({row.why})" if row.why else row.seen


def _verdict(answer: Answer) -> Iterator[str]:
    count = {state: sum(row.state is state for row in answer.rows) for state in State}
    yield (
        f"Level: {answer.level}. {count[State.HELD]} held, {count[State.BROKEN]} broken, "
        f"{count[State.ABSENT]} not available, {count[State.ADVICE]} to look at ({answer.took_s:.1f} s)."
    )
    yield from (f"  {sentence}" for sentence in answer.degraded)
    yield from (f"  BROKEN: {row.what}: {_long(row)}" for row in answer.broken)
    yield from (f"  {row.what}: {_long(row)}" for row in answer.rows if row.state is State.ADVICE)
    if answer.refusal is not None:
        yield f"A server with sandbox.mode = {answer.mode!r} would refuse to serve: {answer.refusal}"
    elif answer.broken:
        yield "Something that should hold is broken: do not serve strangers from this machine before it is understood."
    else:
        yield f"A server with sandbox.mode = {answer.mode!r} would serve."
