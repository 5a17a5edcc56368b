"""The runs of the official suites: which suite, which of its scenarios, and how many checks are to pass."""

import msgspec

FIRST, SECOND = "0.1.16", "0.2.0-alpha.12"
"""The two suites, by their versions; package.json installs each under a name of its own."""
PACKAGES = {FIRST: "conformance-0.1", SECOND: "conformance-0.2"}


class Leg(msgspec.Struct, frozen=True):
    """One run of a suite against one server."""

    name: str
    suite: str
    arguments: tuple[str, ...]
    target: int
    """How many checks must pass; none may fail or warn."""
    part: str = ""
    """Scenarios whose names begin so are also counted on a line of their own."""


LEGS = (
    Leg("0.1.16", FIRST, (), 40),
    Leg("2025-06-18", SECOND, ("--suite", "all", "--spec-version", "2025-06-18"), 56),
    Leg("2025-11-25", SECOND, ("--suite", "all", "--spec-version", "2025-11-25"), 84),
    Leg("2026-07-28", SECOND, ("--suite", "all", "--spec-version", "2026-07-28"), 152),
    Leg("requirements 2025-11-25", SECOND, ("--requirements", "2025-11-25"), 84),
    Leg("requirements 2026-07-28", SECOND, ("--requirements", "2026-07-28"), 196, part="tasks-"),
)
"""The last also runs the scenarios of the tasks extension, which no other leg does and which are not required."""
