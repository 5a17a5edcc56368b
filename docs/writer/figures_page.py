"""The page of measured figures: what a call costs, how that grows, and what many replicas do."""

from collections.abc import Sequence

from bench.capacity.plan import SCANS, bend_rows, curve_rows, grid_rows
from bench.gallery import planned, recorded
from bench.growth import Point
from bench.results import as_markdown_table
from docs.writer.markdown import page, paragraph

ABOUT = (
    "What `scripts/bench --growth` measured last, and what `scripts/bench --capacity` makes of it. "
    "[Performance](../performance.md) and [More than one server](../scaling.md) explain them."
)


def figures_page() -> str:
    """The whole page."""
    growth, found = recorded(), planned()
    machine, service = growth.machine, growth.service
    taken = (
        f"{machine.cpu}, {machine.cores} cores that the clients share, {machine.memory_gib} GiB, "
        f"Linux {machine.kernel}, Python {machine.python}, {machine.date}, load {machine.load} at the start"
    )
    if machine.load >= 1:
        taken += " (**other work ran on it**: times are upper bounds)"
    first, last = growth.clients[0], growth.clients[-1]
    idle_kib = max(0.0, last.mib - first.mib) * 1024 / (last.at - first.at)
    spent = [
        ["who", "ms"],
        ["front-end", f"{service.front_end_ms:.3f}"],
        ["worker", f"{service.worker_ms:.3f}"],
        ["the measuring client", f"{service.client_ms:.3f}"],
    ]
    bends = (
        f"Agents of one replica, each with a call every {found.think_s:g} s, of whose small reads 99 in 100 take no "
        "more than 50 ms. A scan is a search by name through 10,000 entries; workers are four, as shipped:"
    )
    grid = (
        f"Replicas of {found.cores} cores; calls a second of all, and the 99th percentile of small reads. **over**: "
        "more than they can do, and how long a call would wait if none were refused."
    )
    parts = [
        paragraph(ABOUT),
        paragraph(f"Machine: {taken}."),
        "## One call",
        "Processor time of one small read over HTTP, with twenty clients:",
        as_markdown_table(spent),
        f"One more client that is connected and has been active costs about {idle_kib:.0f} KiB.",
        "## Growth",
        *_growth("clients over HTTP", growth.clients),
        *_growth("calls in flight on stdio", growth.in_flight),
        *_growth("entries of the tree that is searched", growth.entries),
        *_growth("bytes of the file that is read", growth.bytes),
        "## Simulated and measured",
        "Calls a second of one server, the measuring client on the same cores:",
        as_markdown_table(curve_rows(found)),
        "## Where it bends",
        paragraph(bends),
        as_markdown_table(bend_rows(found)),
        "## Replicas and agents",
        paragraph(grid),
    ]
    for scans in SCANS:
        parts += [f"### {scans:.0%} of the calls are scans", as_markdown_table(grid_rows(found, scans))]
    return page("Figures", "bench/growth.json and bench/capacity/plan.json", parts)


def _growth(what: str, points: Sequence[Point]) -> list[str]:
    rows = [
        [f"{each.at:,}", f"{each.p50_ms:,.2f}", f"{each.p99_ms:,.2f}", f"{each.rate:,.1f}", f"{each.mib:.1f}"]
        for each in points
    ]
    return [as_markdown_table([[what, "median ms", "p99 ms", "calls/s", "MiB"], *rows])]
