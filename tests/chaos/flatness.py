"""Whether what a server holds stays what it was: medians of an early and a late part of a long run. Pure."""

import statistics
from collections.abc import Sequence
from typing import NamedTuple

from tests.chaos.watch import Holding

TOLERANCE = 0.05
FEWEST_SAMPLES = 8


class Drift(NamedTuple):
    """One figure over a run."""

    name: str
    early: float
    late: float

    @property
    def share(self) -> float:
        """How much more the late part holds than the early one."""
        return self.late / self.early - 1 if self.early else 0.0

    @property
    def is_flat(self) -> bool:
        """Whether that is little; what becomes less is no leak."""
        return self.share <= TOLERANCE


def drifts(samples: Sequence[Holding]) -> list[Drift]:
    """Every figure: the second quarter of the run against the last; the first quarter is for warming up.

    ValueError when there are too few samples to tell.
    """
    if len(samples) < FEWEST_SAMPLES:
        raise ValueError(f"{len(samples)} samples tell nothing; {FEWEST_SAMPLES} are needed")
    quarter = len(samples) // 4
    early, late = samples[quarter : 2 * quarter], samples[-quarter:]
    return [
        Drift(name, statistics.median(row[place] for row in early), statistics.median(row[place] for row in late))
        for place, name in enumerate(Holding._fields)
    ]
