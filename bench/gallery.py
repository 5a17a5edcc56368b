"""What is kept of growth: the figures, what the simulation makes of them, and the plots of `bench/plots`."""

import os
from collections.abc import Sequence

import msgspec

from bench.capacity.plan import Plan, plan
from bench.charts import Chart, Series, draw
from bench.growth import Growth, Point

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "plots")
PLANNED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "capacity", "plan.json")
RECORDED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "growth.json")


def recorded() -> Growth:
    """What was measured last."""
    with open(RECORDED, "rb") as file:
        return msgspec.json.decode(file.read(), type=Growth)


def planned() -> Plan:
    """What was simulated from it."""
    with open(PLANNED, "rb") as file:
        return msgspec.json.decode(file.read(), type=Plan)


def record(growth: Growth) -> None:
    """Keep it, simulate from it, and draw it; `scripts/docs` then writes the page."""
    found = plan(growth)
    for path, document in ((RECORDED, growth), (PLANNED, found)):
        with open(path, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n")
    os.makedirs(FOLDER, exist_ok=True)
    for name, chart in charts(growth, found).items():
        with open(os.path.join(FOLDER, f"{name}.svg"), "w", encoding="utf-8") as drawing:
            drawing.write(draw(chart))


def charts(growth: Growth, found: Plan) -> dict[str, Chart]:
    """By the name of the file."""
    simulated = Series("simulated", [(each.clients, each.simulated) for each in found.curve], is_dashed=True)
    return {
        "clients-latency": _latency("A small read over HTTP, by clients", "clients", growth.clients),
        "clients-rate": Chart(
            title="Small reads a second over HTTP, by clients",
            across="clients",
            up="calls a second",
            series=[Series("measured", [(point.at, point.rate) for point in growth.clients]), simulated],
        ),
        "in-flight": _latency("A small read on stdio, by calls in flight", "calls in flight", growth.in_flight),
        "entries": _latency("A search by name that finds nothing, by entries", "entries of the tree", growth.entries),
        "file-size": _latency("Reading a whole file on stdio, by size", "bytes", growth.bytes),
        "memory": Chart(
            title="Memory of all processes",
            across="clients, calls in flight, entries",
            up="MiB (PSS)",
            series=[
                Series(name, [(point.at, point.mib) for point in points])
                for name, points in (
                    ("clients", growth.clients),
                    ("calls in flight", growth.in_flight),
                    ("entries", growth.entries),
                )
            ],
        ),
    }


def _latency(title: str, across: str, points: Sequence[Point]) -> Chart:
    return Chart(
        title=title,
        across=across,
        up="milliseconds",
        series=[
            Series("median", [(point.at, point.p50_ms) for point in points]),
            Series("99th percentile", [(point.at, point.p99_ms) for point in points]),
        ],
    )
