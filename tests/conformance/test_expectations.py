"""Failures are expected one by one, and only as long as they happen."""

from pathlib import Path

import pytest

from tests.conformance.expectations import Expectation, judge, part_of, read_expectations
from tests.conformance.legs import FIRST, Leg
from tests.conformance.suite import Check, Scenario, Status

GOOD = Check("good", Status.SUCCESS)
BAD = Check("bad", Status.FAILURE, "what it checks", "what was seen")
WARNED = Check("warned", Status.WARNING, "what it checks")


def entry(*checks: str, legs: tuple[str, ...] = ()) -> Expectation:
    return Expectation(scenario="some", checks=checks, legs=legs, reason="because")


def test_checks_are_counted_and_those_without_a_verdict_are_not() -> None:
    scenario = Scenario("some", (GOOD, BAD, WARNED, Check("x", Status.SKIPPED), Check("y", Status.INFO)))
    verdict = judge("leg", [scenario], [])
    assert (verdict.passed, verdict.failed, verdict.warned) == (1, 1, 1)


def test_what_no_entry_covers_is_unexpected() -> None:
    verdict = judge("leg", [Scenario("some", (BAD, WARNED))], [])
    assert verdict.unexpected == ("some: bad: what was seen", "some: warned: what it checks")
    assert not verdict.is_good


@pytest.mark.parametrize("entries", [[entry()], [entry("bad", "warned")], [entry("bad"), entry("warned")]])
def test_a_failure_that_is_expected_is_good(entries: list[Expectation]) -> None:
    verdict = judge("leg", [Scenario("some", (GOOD, BAD, WARNED))], entries)
    assert verdict.is_good
    assert (verdict.expected, verdict.failed, verdict.warned) == (2, 1, 1)


def test_an_entry_for_one_check_excuses_no_other() -> None:
    verdict = judge("leg", [Scenario("some", (BAD, WARNED))], [entry("bad")])
    assert verdict.unexpected == ("some: warned: what it checks",)


@pytest.mark.parametrize("entries", [[entry()], [entry("good")], [entry("gone")]])
def test_an_entry_that_did_not_come_true_is_stale(entries: list[Expectation]) -> None:
    verdict = judge("leg", [Scenario("some", (GOOD,))], entries)
    assert len(verdict.stale) == 1
    assert not verdict.is_good


def test_an_entry_says_nothing_about_other_legs_and_scenarios() -> None:
    entries = [entry(legs=("another",)), Expectation(scenario="another", reason="because")]
    assert judge("leg", [Scenario("some", (GOOD,))], entries).is_good
    assert not judge("leg", [Scenario("some", (BAD,))], entries).is_good
    assert judge("another", [Scenario("some", (BAD,))], entries).is_good


def test_a_part_is_counted_apart_and_judged_with_the_rest() -> None:
    leg = Leg("leg", FIRST, (), 0, part="so")
    verdict = part_of(leg, [Scenario("some", (GOOD, BAD)), Scenario("other", (GOOD,))])
    assert (verdict.leg, verdict.passed, verdict.failed) == ("of these: so*, 1 scenarios", 1, 1)
    assert verdict.is_good


def test_the_entries_for_the_product_can_be_read_and_give_reasons() -> None:
    entries = read_expectations(Path(__file__).parent / "product.toml")
    assert all(entry.reason for entry in entries)
