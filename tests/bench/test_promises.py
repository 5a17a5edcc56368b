"""What becomes of the rows that reliability is held to."""

import pytest

from bench import reliability
from bench.machine import Machine
from bench.promises import BOUNDS, as_rows
from bench.results import OURS, Figure, Results

MACHINE = Machine(
    cpu="x", cores=2, memory_gib=1.0, kernel="6", python="3.11", node="20", date="2026-01-02", load=0.0
)  # fmt: skip


def verdicts(*figures: Figure) -> list[str]:
    results = Results(machine=MACHINE, versions={}, rounds=1, tree_entries=1, figures=figures)
    return [row[-1] for row in as_rows(results)[1:]]


@pytest.mark.parametrize(
    ("name", "rounds", "verdict"),
    [
        ("overload refusal, p99", [1.0, 10.0, 30.0], "held"),
        ("overload refusal, p99", [1.0, 10.1, 30.0], "broken"),
        ("lost, double or crossed answers", [0.0, 0.0], "held"),
        ("lost, double or crossed answers", [0.0, 0.0, 1.0], "broken"),
    ],
)
def test_the_middle_counts_and_of_what_must_never_be_everything(name: str, rounds: list[float], verdict: str) -> None:
    assert verdicts(Figure(name, "ms", {OURS: rounds})) == [verdict]


def test_what_was_not_measured_has_no_verdict() -> None:
    assert verdicts(Figure("ping", "ms", {OURS: [1.0]}), *(Figure(name, "ms", {}) for name in BOUNDS)) == []


def test_every_bound_is_that_of_a_figure() -> None:
    assert set(BOUNDS) <= set(reliability.FIGURES)
