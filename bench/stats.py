"""The arithmetic of the benchmark: percentiles, spreads and ratios of interleaved rounds."""

import math
import statistics
from collections.abc import Sequence

import msgspec


class Spread(msgspec.Struct, frozen=True):
    """Several rounds of one figure."""

    median: float
    least: float
    greatest: float


def spread(values: Sequence[float]) -> Spread:
    """Sum up the rounds; ValueError when there are none."""
    if not values:
        raise ValueError("a spread needs at least one round")
    return Spread(statistics.median(values), min(values), max(values))


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` (0 to 1) of all values do not exceed (nearest rank)."""
    if not values:
        raise ValueError("a percentile needs at least one value")
    if not 0 <= share <= 1:
        raise ValueError(f"a share lies between 0 and 1, not at {share}")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Spread | None:
    """Compare two peers: the ratio of the medians, with the least and the greatest ratio of a round.

    The rounds belong together by position, because those ran side by side. None when nothing can be compared.
    """
    pairs = [(one, other) for one, other in zip(ours, theirs, strict=False) if other > 0]
    if not pairs:
        return None
    rounds = [one / other for one, other in pairs]
    middle = statistics.median(one for one, _ in pairs) / statistics.median(other for _, other in pairs)
    return Spread(middle, min(rounds), max(rounds))
