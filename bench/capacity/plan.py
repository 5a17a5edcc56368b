"""What the simulation says of replicas, agents and scans, as tables."""

from collections.abc import Sequence

import msgspec

from bench.capacity.replica import bend, curve, measured, row
from bench.growth import Growth
from bench.results import aligned

CORES = 4
THINK_S = 10.0
SCANS = (0.0, 0.01, 0.05, 0.2)
REPLICAS = (1, 3, 10, 30, 100)
AGENTS = (100, 1000, 10_000, 100_000)
BENT_CORES = (2, 4, 8)


class Checked(msgspec.Struct, frozen=True):
    """Calls a second at so many clients: measured, and simulated on the same cores."""

    clients: int
    measured: float
    simulated: float


class Bend(msgspec.Struct, frozen=True):
    """The most agents of one replica whose small reads are in time."""

    cores: int
    scans: float
    agents: int


class Cell(msgspec.Struct, frozen=True):
    """All replicas together: calls a second, the 99th percentile of small reads, and whether that is beyond them."""

    scans: float
    replicas: int
    agents: int
    rate: float
    p99_s: float
    is_saturated: bool


class Plan(msgspec.Struct, frozen=True):
    """Everything; `cores` are those of the replicas in `cells`."""

    cores: int
    think_s: float
    curve: Sequence[Checked]
    bends: Sequence[Bend]
    cells: Sequence[Cell]


def plan(growth: Growth, *, cores: int = CORES, think_s: float = THINK_S) -> Plan:
    """Simulate it all, half a minute."""
    replica = measured(growth, cores=cores)
    cells = []
    for scans in SCANS:
        for replicas in REPLICAS:
            for agents in AGENTS:
                found = row(replica, max(1, agents // replicas), think_s, scans)
                cells.append(
                    Cell(scans, replicas, agents, round(found.rate * replicas, 1), found.p99_s, found.is_saturated)
                )
    bends = [
        Bend(number, scans, bend(measured(growth, cores=number), think_s, scans))
        for number in BENT_CORES
        for scans in SCANS
    ]
    checked = [Checked(at, real, round(said, 1)) for at, real, said in curve(growth)]
    return Plan(cores, think_s, checked, bends, cells)


def curve_rows(found: Plan) -> list[list[str]]:
    """The check, its heads first."""
    heads = ["clients", "measured", "simulated", "simulated / measured"]
    rows = [
        [f"{each.clients}", f"{each.measured:,.0f}/s", f"{each.simulated:,.0f}/s",
         f"{each.simulated / each.measured:.2f}"]
        for each in found.curve
    ]  # fmt: skip
    return [heads, *rows]


def bend_rows(found: Plan) -> list[list[str]]:
    """Agents by cores and share of scans."""
    heads = ["scans among the calls", *(f"{cores} cores" for cores in BENT_CORES)]
    by_place = {(each.cores, each.scans): each.agents for each in found.bends}
    return [heads, *([f"{scans:.0%}", *(f"{by_place[cores, scans]:,}" for cores in BENT_CORES)] for scans in SCANS)]


def grid_rows(found: Plan, scans: float) -> list[list[str]]:
    """Replicas by agents, for one share of scans."""
    heads = ["replicas", *(f"{agents:,} agents" for agents in AGENTS)]
    by_place = {(each.replicas, each.agents): each for each in found.cells if each.scans == scans}
    return [heads, *([f"{number}", *(_cell(by_place[number, agents]) for agents in AGENTS)] for number in REPLICAS)]


def _cell(cell: Cell) -> str:
    seconds = f"{cell.p99_s:,.1f} s" if cell.p99_s >= 1 else f"{cell.p99_s * 1000:.1f} ms"
    return f"{cell.rate:,.0f}/s, {f'**over**, {seconds}' if cell.is_saturated else seconds}"


def as_text(found: Plan) -> str:
    """For the terminal."""
    parts = [aligned(curve_rows(found)), aligned(bend_rows(found))]
    parts += [f"{scans:.0%} scans\n{aligned(grid_rows(found, scans))}" for scans in SCANS]
    return "\n\n".join(parts)
