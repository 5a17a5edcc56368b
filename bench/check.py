"""`scripts/bench --check`: fails when two short runs in a row agree that a ratio to the floor got worse."""

import contextlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence

import msgspec

from bench.ground import build_ground, temporary
from bench.measures import BRIEF, MEASURES
from bench.peers import floor_peer, our_peer
from bench.regression import MEASURES as CHECKED, ROUNDS, TOLERATED, ratios, unmeasured, worse
from bench.results import Figure
from bench.rounds import Rounds

RECORDED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ratios.json")
WITHIN_S = 60.0

Run = Callable[[], tuple[list[Figure], list[str]]]


def check(*, renews: bool, run: Run | None = None, file: str = RECORDED) -> int:
    """Measure and compare, or record; the exit status. `run` gives the figures and what could not be measured."""
    run = run or _run
    figures, broken = run()
    if broken:
        return _fail(broken)
    if renews:
        with open(file, "w", encoding="utf-8") as kept:
            rounded = {name: round(value, 3) for name, value in ratios(figures).items()}
            kept.write(msgspec.json.format(msgspec.json.encode(rounded), indent=2).decode() + "\n")
        return 0
    with open(file, "rb") as kept:
        recorded = msgspec.json.decode(kept.read(), type=dict[str, float])
    _show(figures, recorded)
    missing = unmeasured(figures, recorded)
    if missing:
        return _fail([f"{name} is recorded but was not measured" for name in missing])
    suspects = worse(figures, recorded)
    if not suspects:
        return 0
    sys.stderr.write(f"bench: worse than {TOLERATED} times what is recorded: {', '.join(suspects)}; once more\n")
    again, broken = run()
    _show(again, recorded)
    agreed = suspects.keys() & worse(again, recorded).keys()
    return _fail(broken or [f"{name}: {worse(again, recorded)[name]:.2f} times the recorded ratio" for name in agreed])


def _run() -> tuple[list[Figure], list[str]]:
    measures = [measure for measure in MEASURES if measure.name in CHECKED]
    with contextlib.ExitStack() as stack:
        ground, home = temporary(stack), temporary(stack)
        build_ground(ground, BRIEF.tree_entries)
        rounds = Rounds([our_peer(ground), floor_peer(ground)], measures, BRIEF, home)
        return rounds.take(ROUNDS, WITHIN_S), rounds.broken


def _show(figures: Sequence[Figure], recorded: Mapping[str, float]) -> None:
    for name, value in ratios(figures).items():
        before = f"recorded {recorded[name]:8.2f}" if name in recorded else "not recorded"
        print(f"{name:32}  ours / floor {value:8.2f}   {before}")


def _fail(sentences: Sequence[str]) -> int:
    for sentence in sentences:
        sys.stderr.write(f"bench: {sentence}\n")
    return 1 if sentences else 0
