"""What all legs came to, as a table for the terminal and as the page that is kept."""

from collections.abc import Mapping, Sequence

import msgspec

from tests.conformance.expectations import Expectation, Verdict
from tests.conformance.legs import FIRST, SECOND

HEADS = ("leg", "passed", "failed", "warnings")

ABOUT = f"""# Conformance

Written by `scripts/conformance`, which runs every leg below with the official suite,
`@modelcontextprotocol/conformance` {FIRST} and {SECOND}, over Streamable HTTP. Continuous integration runs it
too, and fails when anything differs.

The suites call tools, resources and prompts by names of their own. A file server has none of these, so there are two
tables: the *fixture server* (`tests/conformance/fixture`: the dispatcher, broker, workers and transports of the product
with the suites' tools in place of ours) shows what the protocol can do; the *product* is what users run, where checks
that need such a tool, resource or prompt cannot pass.

Start the fixture server alone with `scripts/conformance --serve PORT`; it listens on `http://127.0.0.1:PORT/mcp`.
"""


class Section(msgspec.Struct, frozen=True):
    """One server's legs."""

    title: str
    verdicts: Sequence[Verdict]


def as_text(section: Section) -> str:
    """An aligned table, and under it everything that was not expected."""
    rows = [HEADS, *(_row(verdict) for verdict in section.verdicts)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADS))]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]
    return "\n".join([section.title, *lines, *_complaints(section)])


def as_page(sections: Sequence[Section], expected: Mapping[str, Sequence[Expectation]]) -> str:
    """The Markdown page. It holds nothing that differs between two runs with the same outcome."""
    parts = [ABOUT]
    for section in sections:
        parts.append(f"## {section.title}\n")
        parts.append("| leg | passed | failed | warnings |\n|---|--:|--:|--:|")
        parts += ["| " + " | ".join(_row(verdict)) + " |" for verdict in section.verdicts]
        parts += ["", *_reasons(expected.get(section.title, ()))]
    return "\n".join(parts).rstrip() + "\n"


def _row(verdict: Verdict) -> tuple[str, ...]:
    return verdict.leg, str(verdict.passed), str(verdict.failed), str(verdict.warned)


def _complaints(section: Section) -> list[str]:
    return [
        f"  {verdict.leg}: {kind}: {what}"
        for verdict in section.verdicts
        for kind, found in (("not expected", verdict.unexpected), ("no longer true", verdict.stale))
        for what in found
    ]


def _reasons(expectations: Sequence[Expectation]) -> list[str]:
    if not expectations:
        return []
    lines = ["What cannot pass, and why:", ""]
    for reason in dict.fromkeys(entry.reason for entry in expectations):
        names = ", ".join(_named(entry) for entry in expectations if entry.reason == reason)
        lines.append(f"* {reason}: {names}")
    return [*lines, ""]


def _named(entry: Expectation) -> str:
    count = len(entry.checks)
    checks = f" ({count} checks)" if count > 1 else ""
    legs = f" in {', '.join(entry.legs)}" if entry.legs else ""
    return f"`{entry.scenario}`{checks}{legs}"
