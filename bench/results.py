"""The results of a run, and their forms: a table for the terminal, JSON, and the Markdown file that is kept."""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from bench.machine import Machine
from bench.stats import Spread, ratio, spread

OURS, REFERENCE, ORIGINAL, PLAIN, FLOOR = "ours", "reference", "single file", "plain SDK server", "floor"
KEPT = "<!-- What stands below was taken at other times; --record keeps it. -->"


class Figure(msgspec.Struct, frozen=True):
    """One figure: its name, its unit, and the rounds of each peer."""

    name: str
    unit: str
    rounds: Mapping[str, Sequence[float]]


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run."""

    machine: Machine
    versions: Mapping[str, str]
    rounds: int
    tree_entries: int
    figures: Sequence[Figure]


def as_json(results: Results) -> str:
    """Everything, with each round."""
    return msgspec.json.format(msgspec.json.encode(results), indent=2).decode()


def as_text(results: Results) -> str:
    """Return an aligned table."""
    rows = [_heads(results), *(_row(results, figure) for figure in results.figures)]
    return f"{aligned(rows)}\n\n{_legend(results)}"


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Columns that line up, the first to the left."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    )


def as_markdown_table(rows: Sequence[Sequence[str]]) -> str:
    """The first row are the heads."""
    table = ["| " + " | ".join(row) + " |" for row in rows]
    table.insert(1, "|---" + "|--:" * (len(rows[0]) - 1) + "|")
    return "\n".join(table)


def as_markdown(results: Results, verdicts: Sequence[Sequence[str]] = ()) -> str:
    """Return the page that is kept in the repository; `verdicts` are the rows of what is held to, their heads first."""
    rows = [_heads(results), *(_row(results, figure) for figure in results.figures)]
    written = "Written by `scripts/bench --record`; how the figures are taken stands in [README.md](README.md)."
    parts = ["# Results", "", written, "", *_circumstances(results), ""]
    if verdicts:
        parts += ["## What is held to", "", as_markdown_table(verdicts), "", "## Every figure", ""]
    return "\n".join([*parts, as_markdown_table(rows), "", _legend(results), ""])


def _circumstances(results: Results) -> list[str]:
    machine = results.machine
    versions = ", ".join(f"{name} {version}" for name, version in results.versions.items())
    system = f"{machine.cores} cores, {machine.memory_gib} GiB, Linux {machine.kernel}"
    return [
        f"* Date: {machine.date}; rounds: {results.rounds}, peers interleaved; tree: {results.tree_entries:,} files",
        f"* Machine: {machine.cpu}, {system}, load {machine.load} at the start",
        f"* Python {machine.python}, Node {machine.node}; {versions}",
    ]


def _heads(results: Results) -> list[str]:
    heads = ["figure", "unit", *results.versions]
    return [*heads, "ratio"] if _compares(results) else heads


def _row(results: Results, figure: Figure) -> list[str]:
    cells = [figure.name, figure.unit, *(_peer_cell(figure.rounds.get(name, ())) for name in results.versions)]
    if _compares(results):
        compared = ratio(figure.rounds.get(OURS, ()), figure.rounds.get(REFERENCE, ()))
        cells.append("-" if compared is None else _cell(compared, _two_places))
    return cells


def _peer_cell(rounds: Sequence[float]) -> str:
    return _cell(spread(rounds), _readable) if rounds else "-"


def _cell(values: Spread, write: Callable[[float], str]) -> str:
    return f"{write(values.median)} ({write(values.least)}-{write(values.greatest)})"


def _readable(value: float) -> str:
    """Three digits that matter."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _two_places(value: float) -> str:
    return f"{value:.2f}"


def _legend(results: Results) -> str:
    legend = "Cells: median of the rounds (least-greatest)."
    if _compares(results):
        legend += " Ratio: ours to the reference; below 1 is better for ms and MiB, above 1 for calls/s."
    return legend


def _compares(results: Results) -> bool:
    return OURS in results.versions and REFERENCE in results.versions
