"""What becomes of the rows that the speed is held to."""

import msgspec
import pytest

from bench.goals import GOALS, MEASURES, as_rows, judge
from bench.machine import Machine
from bench.measures import MEASURES as ALL
from bench.results import ORIGINAL, OURS, PLAIN, REFERENCE, Figure, Results

MACHINE = Machine(
    cpu="x", cores=2, memory_gib=1.0, kernel="6", python="3.11", node="20", date="2026-01-02", load=0.0
)  # fmt: skip


def verdict(text: str, against: str, *figures: Figure) -> str:
    results = Results(machine=MACHINE, versions={}, rounds=1, tree_entries=1, figures=figures)
    (found,) = [each for each in judge(results) if each.goal.text == text and each.against == against]
    return found.word


@pytest.mark.parametrize(("ours", "word"), [(0.2, "stretch"), (0.3, "stretch"), (0.5, "must"), (0.51, "missed")])
def test_less_time_is_better(ours: float, word: str) -> None:
    assert verdict("ping", REFERENCE, Figure("ping", "ms", {OURS: [ours], REFERENCE: [1.0]})) == word


@pytest.mark.parametrize(("ours", "word"), [(4.0, "stretch"), (3.0, "must"), (2.9, "missed")])
def test_more_calls_are_better(ours: float, word: str) -> None:
    name = "HTTP, 1 client, read 1 KB"
    assert verdict(name, PLAIN, Figure(name, "calls/s", {OURS: [ours], PLAIN: [1.0]})) == word


def test_of_several_the_best_one_counts() -> None:
    theirs = {REFERENCE: [10.0], ORIGINAL: [6.0], PLAIN: [30.0]}
    assert verdict("read 900 KB", ORIGINAL, Figure("read 900 KB", "ms", {OURS: [2.0], **theirs})) == "must"


def test_what_was_not_measured_is_not_passed() -> None:
    results = Results(machine=MACHINE, versions={}, rounds=1, tree_entries=1, figures=[])
    assert {each.word for each in judge(results)} == {"not measured"}
    assert {len(row) for row in as_rows(judge(results))} == {8}


def test_every_row_can_be_measured_by_the_measures_that_are_taken() -> None:
    taken = {(name, peer) for each in ALL if each.name in MEASURES for name in each.units for peer in each.of}
    for goal in GOALS:
        assert (goal.ours, OURS) in taken, goal.text
        assert {(figure, peer) for peer, figure in goal.theirs} <= taken, goal.text


def test_a_goal_is_not_reached_by_being_slower() -> None:
    for goal in GOALS:
        assert (goal.stretch >= goal.must) if goal.is_rate else (goal.stretch <= goal.must), msgspec.json.encode(goal)
