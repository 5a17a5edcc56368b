"""One run of an official suite against a server that listens: started with Node, its checks read from its files."""

import re
import subprocess
from enum import StrEnum
from pathlib import Path

import msgspec

from tests.conformance.legs import PACKAGES, Leg

LEG_S = 240
_RESULT_FOLDER = re.compile(r"server-(?P<scenario>.+)-\d{4}-\d\d-\d\dT[\d-]+Z")


class Status(StrEnum):
    """What a suite says of one check."""

    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    WARNING = "WARNING"
    SKIPPED = "SKIPPED"
    INFO = "INFO"


class Check(msgspec.Struct, frozen=True):
    """One check; ids repeat within a scenario."""

    id: str
    status: Status
    description: str = ""
    error: str = msgspec.field(default="", name="errorMessage")

    @property
    def is_bad(self) -> bool:
        """Whether the server did not do what the check asks for."""
        return self.status in (Status.FAILURE, Status.WARNING)


class Scenario(msgspec.Struct, frozen=True):
    """One scenario as it went."""

    name: str
    checks: tuple[Check, ...]

    def count(self, status: Status) -> int:
        """How many checks ended so."""
        return sum(check.status is status for check in self.checks)


class BrokenRunError(Exception):
    """The suite itself could not run; the message holds the end of its output."""


class Suites(msgspec.Struct, frozen=True):
    """Where `scripts/node` has installed them."""

    place: Path

    def run(self, leg: Leg, url: str, results: Path) -> tuple[Scenario, ...]:
        """Run a leg against `url`; its scenarios in the order in which they ran. `results` is a folder of its own.

        Raises:
            BrokenRunError: a scenario left no result, or the suite never ended.
        """
        script = self.place / "node_modules" / PACKAGES[leg.suite] / "dist" / "index.js"
        command = [str(self.place / "bin" / "node"), str(script), "server", "--url", url, "-o", str(results)]
        try:
            done = subprocess.run(
                [*command, *leg.arguments], capture_output=True, text=True, timeout=LEG_S, stdin=subprocess.DEVNULL
            )
        except subprocess.TimeoutExpired:
            raise BrokenRunError(f"{leg.name}: not done after {LEG_S} s") from None
        return scenarios_of(done.stdout, done.stderr, results)


def scenarios_of(output: str, errors: str, results: Path) -> tuple[Scenario, ...]:
    """What a suite that printed `output` has left in `results`.

    Raises:
        BrokenRunError: it ran no scenario, or one without a result.
    """
    started = re.findall(r"^=== Running scenario: (\S+) ===$", output, re.MULTILINE)
    found = {
        match["scenario"]: msgspec.json.decode((folder / "checks.json").read_bytes(), type=tuple[Check, ...])
        for folder in results.iterdir()
        if (match := _RESULT_FOLDER.fullmatch(folder.name)) and (folder / "checks.json").exists()
    }
    if not started:
        raise BrokenRunError(f"no scenario ran: {(output + errors)[-2000:]}")
    return tuple(
        Scenario(name, found.get(name) or (Check("run", Status.FAILURE, "The scenario broke off", _why(name, errors)),))
        for name in started
    )


def _why(scenario: str, errors: str) -> str:
    _, _, after = errors.partition(f"Failed to run scenario {scenario}:")
    return after.strip()[:500]
