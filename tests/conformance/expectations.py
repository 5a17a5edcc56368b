"""Which checks a server is known not to pass, each with its reason; an entry that is no longer true is a failure."""

import tomllib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tests.conformance.legs import Leg
from tests.conformance.suite import Scenario, Status


class Expectation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One entry: a scenario, or some of its checks, that cannot pass; `legs` restricts it to those."""

    scenario: str
    checks: tuple[str, ...] = ()
    """Ids; without any, every check of the scenario may fail, and one must."""
    legs: tuple[str, ...] = ()
    reason: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a leg came to. `stale` names entries that are no longer true, `unexpected` checks that no entry covers."""

    leg: str
    passed: int
    failed: int
    warned: int
    expected: int
    """How many of the failed and warned are covered by an entry."""
    unexpected: tuple[str, ...]
    stale: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        """Whether nothing was worse, and nothing better, than expected."""
        return not self.unexpected and not self.stale


def read_expectations(path: Path) -> tuple[Expectation, ...]:
    """The entries of a TOML file, a list named `expected`."""
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    return msgspec.convert(document["expected"], tuple[Expectation, ...])


def judge(leg: str, scenarios: Sequence[Scenario], expectations: Sequence[Expectation]) -> Verdict:
    """Hold a leg's scenarios against what is expected of them."""
    unexpected: list[str] = []
    stale: list[str] = []
    covered = 0
    for scenario in scenarios:
        entries = [
            entry for entry in expectations if entry.scenario == scenario.name and (not entry.legs or leg in entry.legs)
        ]
        for check in scenario.checks:
            if not check.is_bad:
                continue
            if any(not entry.checks or check.id in entry.checks for entry in entries):
                covered += 1
            else:
                unexpected.append(f"{scenario.name}: {check.id}: {check.error or check.description}")
        stale += [f"{scenario.name}: {what}" for entry in entries for what in _untrue(entry, scenario)]
    return Verdict(
        leg=leg,
        passed=sum(scenario.count(Status.SUCCESS) for scenario in scenarios),
        failed=sum(scenario.count(Status.FAILURE) for scenario in scenarios),
        warned=sum(scenario.count(Status.WARNING) for scenario in scenarios),
        expected=covered,
        unexpected=tuple(unexpected),
        stale=tuple(stale),
    )


def part_of(leg: Leg, scenarios: Sequence[Scenario]) -> Verdict:
    """The counts of a leg's part alone; it was judged with the rest."""
    part = [scenario for scenario in scenarios if scenario.name.startswith(leg.part)]
    counted = judge(f"of these: {leg.part}*, {len(part)} scenarios", part, ())
    return msgspec.structs.replace(counted, expected=counted.failed + counted.warned, unexpected=())


def _untrue(entry: Expectation, scenario: Scenario) -> list[str]:
    """What of an entry did not come true."""
    bad = {check.id for check in scenario.checks if check.is_bad}
    if entry.checks:
        return [f"{check} is expected to fail and does not" for check in entry.checks if check not in bad]
    return [] if bad else ["it is expected to fail and does not"]
