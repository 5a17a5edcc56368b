"""What reliability is held to: each figure with the most that it may be."""

from collections.abc import Mapping, Sequence
from statistics import median

from bench.results import OURS, Results

BOUNDS: Mapping[str, float] = {
    "spinning worker: error after the hard deadline, worst": 250,
    "stopped worker: error after the hard deadline, worst": 250,
    "stopped worker: slot back after the hard deadline, worst": 250,
    "cancel to slot free, worst": 250,
    "cancel: worker's processor time after it, worst": 50,
    "front-end killed: last process gone, worst": 1000,
    "lost, double or crossed answers": 0,
    "small read beside a scan / alone": 2,
    "small read beside 64 pipes / alone": 2,
    "small read beside 64 hanging calls / alone": 2,
    "polite beside greedy / alone": 3,
    "overload refusal, p99": 10,
    "50 active beside 1,000 idle / alone": 2,
    "calls that failed beside the reloads": 0,
    "calls that failed beside the successions": 0,
}
"""In the unit of the figure. The soak has its own verdict (`scripts/soak`)."""


def as_rows(results: Results) -> list[list[str]]:
    """The cells of a table, its heads first; empty where nothing of the kind was measured.

    The median of the rounds counts, and of what must never be, all of them together.
    """
    rows = [
        _cells(figure.name, figure.unit, figure.rounds[OURS], BOUNDS[figure.name])
        for figure in results.figures
        if figure.name in BOUNDS and figure.rounds.get(OURS)
    ]
    return [["what", "unit", "ours", "at most", "verdict"], *rows] if rows else []


def _cells(name: str, unit: str, rounds: Sequence[float], bound: float) -> list[str]:
    found = median(rounds) if bound else sum(rounds)
    return [name, unit, f"{found:,.2f}", f"{bound:,g}", "held" if found <= bound else "broken"]
