"""The arithmetic of the benchmark."""

import pytest
from hypothesis import given, strategies as st

from bench.stats import Spread, percentile, ratio, spread


def test_a_spread_is_the_median_between_the_extremes() -> None:
    assert spread([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)


def test_a_spread_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one round"):
        spread([])


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1), (0.01, 1), (0.5, 50), (0.99, 99), (1.0, 100)])
def test_a_percentile_is_the_nearest_rank(share: float, expected: float) -> None:
    assert percentile(list(range(100, 0, -1)), share) == expected


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_outside_of_0_to_1_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        percentile([1.0], share)


def test_a_percentile_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one value"):
        percentile([], 0.5)


@given(st.lists(st.floats(0, 1e9), min_size=1), st.floats(0, 1))
def test_a_percentile_is_one_of_the_values(values: list[float], share: float) -> None:
    assert percentile(values, share) in values


def test_a_ratio_compares_medians_and_shows_the_extreme_rounds() -> None:
    assert ratio([1.0, 2.0, 6.0], [4.0, 4.0, 4.0]) == Spread(0.5, 0.25, 1.5)


def test_rounds_pair_up_by_position() -> None:
    assert ratio([10.0, 1.0], [10.0, 1.0]) == Spread(1.0, 1.0, 1.0)


@pytest.mark.parametrize(("ours", "theirs"), [([], [1.0]), ([1.0], []), ([1.0], [0.0])])
def test_without_a_pair_there_is_no_ratio(ours: list[float], theirs: list[float]) -> None:
    assert ratio(ours, theirs) is None
