"""Whether a slower server is noticed, and a moody machine is not."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.check import Run, check
from bench.connection import Connection
from bench.ground import SMALL_BYTES, build_ground
from bench.peers import floor_peer
from bench.regression import ratios, unmeasured, worse
from bench.results import FLOOR, OURS, Figure


def figure(name: str, ours: float, unit: str = "ms") -> Figure:
    return Figure(name, unit, {OURS: [ours, ours, ours], FLOOR: [1.0, 1.0, 1.0]})


@pytest.mark.parametrize(("now", "is_worse"), [(3.1, True), (2.9, False), (1.0, False)])
def test_more_time_is_worse(now: float, is_worse: bool) -> None:
    assert ("ping" in worse([figure("ping", now)], {"ping": 2.0})) == is_worse


@pytest.mark.parametrize(("now", "is_worse"), [(1.3, True), (1.4, False), (4.0, False)])
def test_fewer_calls_are_worse(now: float, is_worse: bool) -> None:
    assert ("reads" in worse([figure("reads", now, "calls/s")], {"reads": 2.0})) == is_worse


def test_the_median_round_counts() -> None:
    assert ratios([Figure("ping", "ms", {OURS: [2.0, 2.0, 90.0], FLOOR: [1.0, 1.0, 1.0]})]) == {"ping": 2.0}


def test_what_was_not_taken_is_missed() -> None:
    assert unmeasured([figure("ping", 1.0)], {"ping": 1.0, "stat": 1.0}) == ["stat"]
    assert worse([figure("new", 9.0)], {}) == {}


def runs(*results: dict[str, float]) -> Run:
    left: Iterator[dict[str, float]] = iter(results)
    return lambda: ([figure(name, value) for name, value in next(left).items()], [])


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        ({"ping": 1.0, "stat": 1.0}, {}, 0),
        ({"ping": 9.0, "stat": 1.0}, {"ping": 1.0, "stat": 1.0}, 0),
        ({"ping": 9.0, "stat": 1.0}, {"ping": 1.0, "stat": 9.0}, 0),
        ({"ping": 9.0, "stat": 1.0}, {"ping": 9.0, "stat": 1.0}, 1),
        ({"ping": 1.0}, {}, 1),
    ],
    ids=["fine", "a mood", "two moods", "slower", "not measured"],
)
def test_only_what_two_runs_agree_on_fails(
    first: dict[str, float], second: dict[str, float], status: int, tmp_path: Path
) -> None:
    kept = tmp_path / "ratios.json"
    assert check(renews=True, run=runs({"ping": 1.0, "stat": 1.0}), file=str(kept)) == 0
    assert json.loads(kept.read_text()) == {"ping": 1.0, "stat": 1.0}
    assert check(renews=False, run=runs(first, second), file=str(kept)) == status


def test_a_server_that_does_not_work_fails(tmp_path: Path) -> None:
    assert check(renews=False, run=lambda: ([], ["startup of ours: it ended"]), file=str(tmp_path / "none")) == 1


def test_the_floor_answers(tmp_path: Path) -> None:
    ground = tmp_path / "ground"
    ground.mkdir()
    build_ground(str(ground), 10)
    peer = floor_peer(str(ground))
    assert peer.command[0] == sys.executable
    with Connection(peer, str(tmp_path)) as server:
        for name in ("ping", "read", "stat", "list", "long", "big"):
            assert server.ask(peer.questions[name]) > 0
    assert (ground / "small.txt").stat().st_size == SMALL_BYTES
