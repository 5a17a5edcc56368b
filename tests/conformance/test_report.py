"""The table, and the page that is kept."""

from tests.conformance.expectations import Expectation, Verdict
from tests.conformance.report import Section, as_page, as_text

VERDICT = Verdict(leg="some leg", passed=3, failed=2, warned=1, expected=1, unexpected=("a: b",), stale=("c: d",))


def test_the_table_shows_the_counts_and_everything_that_differs() -> None:
    title, heads, row, *complaints = as_text(Section("A server", [VERDICT])).splitlines()
    assert title == "A server"
    assert heads.split() == ["leg", "passed", "failed", "warnings"]
    assert row.split() == ["some", "leg", "3", "2", "1"]
    assert complaints == ["  some leg: not expected: a: b", "  some leg: no longer true: c: d"]


def test_the_page_shows_the_counts_and_what_is_expected_to_fail() -> None:
    entries = [
        Expectation(scenario="one", reason="no such tool"),
        Expectation(scenario="two", checks=("x", "y"), legs=("some leg",), reason="no such tool"),
    ]
    page = as_page([Section("A server", [VERDICT])], {"A server": entries})
    assert "| some leg | 3 | 2 | 1 |" in page
    assert "* no such tool: `one`, `two` (2 checks) in some leg" in page
