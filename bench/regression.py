"""Whether we got slower: our figures by those of the floor in the same run, beside what is recorded of them.

Pure: the recorded ratios are a mapping from the name of a figure, the file that holds them is `ratios.json` here.
"""

from collections.abc import Mapping, Sequence

from bench.results import FLOOR, OURS, Figure
from bench.stats import ratio

TOLERATED = 1.5
"""By how much a ratio may be worse. Below it the machine's moods cannot be told from a change of ours."""
MEASURES = ("startup", "latency", "throughput", "bulk")
ROUNDS = 5


def ratios(figures: Sequence[Figure]) -> dict[str, float]:
    """Ours by the floor, by figure; those that were not taken of both are left out."""
    found = {figure.name: ratio(figure.rounds.get(OURS, ()), figure.rounds.get(FLOOR, ())) for figure in figures}
    return {name: each.median for name, each in found.items() if each is not None}


def worse(figures: Sequence[Figure], recorded: Mapping[str, float]) -> dict[str, float]:
    """By how many times each regressed figure is worse than recorded; figures that are not recorded say nothing."""
    units = {figure.name: figure.unit for figure in figures}
    found = {}
    for name, now in ratios(figures).items():
        if name in recorded:
            times = recorded[name] / now if units[name] == "calls/s" else now / recorded[name]
            if times > TOLERATED:
                found[name] = times
    return found


def unmeasured(figures: Sequence[Figure], recorded: Mapping[str, float]) -> list[str]:
    """What is recorded, but was not taken: a measure that no longer works must not pass."""
    return sorted(set(recorded) - set(ratios(figures)))
