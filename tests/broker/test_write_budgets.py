"""What a principal may change within a minute."""

from typing import Any

import pytest

from filewarden.broker.protocol.outcome import Asked, Failed, Outcome, Succeeded
from filewarden.broker.write_budgets import BYTES, FILES, MOST_REMEMBERED, Spending, WriteBudgets, budgets_of
from filewarden.config.sections.writes import WriteSettings
from filewarden.workers.arguments import ArgumentCheck
from filewarden.workers.errors import Code
from filewarden.workers.tools import delete_file, edit_file, list_changes, read_file, write_file


def reserve(subject: WriteBudgets, now: float, text: str = "1234567890", principal: str = "one") -> Any:
    arguments = write_file.WriteFile(path="a", content=text)
    return subject.reserve(principal, write_file.TOOL, arguments, now)


def spend(subject: WriteBudgets, now: float, text: str = "1234567890", principal: str = "one") -> None:
    spending = reserve(subject, now, text, principal)
    assert isinstance(spending, Spending)
    subject.settle(spending, written(len(text)))


def written(size: int) -> Succeeded:
    return Succeeded(write_file.Written(path="a", created=True, size=size, sha256=""))


def refused(outcome: Any, name: str) -> float:
    assert isinstance(outcome, Failed)
    assert (outcome.code, outcome.details["budget"]) == (Code.OVERLOADED, name)
    milliseconds = outcome.details["retry_after_ms"]
    assert isinstance(milliseconds, int)
    return milliseconds / 1000


def test_nothing_is_counted_without_a_budget_or_without_a_change() -> None:
    unlimited = WriteBudgets(max_bytes=0, max_files=0)
    assert all(reserve(unlimited, 0.0) is None for _ in range(1000))
    subject = WriteBudgets(max_bytes=1, max_files=1)
    for tool in (read_file.TOOL, list_changes.TOOL):
        arguments = ArgumentCheck(tool)(b'{"path":"a"}')
        assert all(subject.reserve("one", tool, arguments, 0.0) is None for _ in range(10))


def test_files_are_counted_over_a_window_that_slides() -> None:
    subject = WriteBudgets(max_bytes=0, max_files=3)
    for now in (0.0, 10.0, 20.0):
        spend(subject, now)
    assert refused(reserve(subject, 30.0), FILES) == 31.0
    assert refused(reserve(subject, 60.5), FILES) == 0.5
    spend(subject, 61.0)
    assert refused(reserve(subject, 61.0), FILES) == 10.0


def test_whoever_waits_as_long_as_told_is_admitted() -> None:
    subject = WriteBudgets(max_bytes=100, max_files=0)
    for now in (0.25, 5.5, 9.75):
        spend(subject, now, "x" * 30)
    wait = refused(reserve(subject, 12.0, "x" * 50), BYTES)
    assert refused(reserve(subject, 12.0 + wait - 0.01, "x" * 50), BYTES) < 1
    spend(subject, 12.0 + wait, "x" * 50)


def test_calls_at_the_same_time_cannot_spend_the_same_twice() -> None:
    subject = WriteBudgets(max_bytes=25, max_files=0)
    assert isinstance(reserve(subject, 0.0), Spending)
    assert isinstance(reserve(subject, 0.0), Spending)
    refused(reserve(subject, 0.0), BYTES)


@pytest.mark.parametrize(
    ("outcome", "is_spent"),
    [
        (Failed(Code.ALREADY_EXISTS, "", {}), False),
        (Asked({}), False),
        (Failed(Code.TIMEOUT, "", {"outcome": "unknown"}), True),
        (written(10), True),
    ],
)
def test_what_changed_nothing_costs_nothing(outcome: Outcome, is_spent: bool) -> None:
    subject = WriteBudgets(max_bytes=10, max_files=1)
    subject.settle(reserve(subject, 0.0), outcome)
    assert isinstance(reserve(subject, 1.0), Failed if is_spent else Spending)


def test_what_it_really_was_counts_in_the_end() -> None:
    subject = WriteBudgets(max_bytes=100, max_files=5)
    edit = edit_file.EditFile(path="a", edits=(edit_file.Replacement("x", "y"),))
    spending = subject.reserve("one", edit_file.TOOL, edit, 0.0)
    assert isinstance(spending, Spending)
    assert spending.bytes == 1
    result = edit_file.FileEdited(path="a", dry_run=False, replacements=1, size=95, sha256="", diff="")
    subject.settle(spending, Succeeded(result))
    refused(reserve(subject, 0.0), BYTES)
    removal = subject.reserve("one", delete_file.TOOL, delete_file.DeleteFile(path="d", recursive=True), 0.0)
    assert isinstance(removal, Spending)
    gone = delete_file.Deleted(path="d", type="directory", files=3, folders=1, trash_id=None)
    subject.settle(removal, Succeeded(gone))
    refused(reserve(subject, 0.0, ""), FILES)


def test_what_only_looks_costs_nothing() -> None:
    subject = WriteBudgets(max_bytes=0, max_files=1)
    look = edit_file.EditFile(path="a", edits=(edit_file.Replacement("x", "y"),), dry_run=True)
    for _ in range(5):
        spending = subject.reserve("one", edit_file.TOOL, look, 0.0)
        assert isinstance(spending, Spending)
        result = edit_file.FileEdited(path="a", dry_run=True, replacements=1, size=95, sha256="", diff="")
        subject.settle(spending, Succeeded(result))


def test_a_call_that_no_minute_has_room_for_is_told_so() -> None:
    subject = WriteBudgets(max_bytes=9, max_files=0)
    outcome = reserve(subject, 0.0)
    assert isinstance(outcome, Failed)
    assert (outcome.code, outcome.details["limit"]) == (Code.TOO_LARGE, 9)


def test_whoever_was_idle_the_longest_is_forgotten_first() -> None:
    subject = WriteBudgets(max_bytes=0, max_files=2)
    for number in range(MOST_REMEMBERED):
        spend(subject, 0.0, principal=str(number))
    spend(subject, 1.0, principal="0")
    spend(subject, 1.0, principal="new")
    refused(reserve(subject, 2.0, principal="0"), FILES)


def test_other_settings_hold_for_what_was_spent_before() -> None:
    def budgets(before: WriteBudgets | None, most_bytes: int, most_files: int) -> WriteBudgets | None:
        writes = WriteSettings(max_bytes_per_minute=most_bytes, max_files_per_minute=most_files)
        return budgets_of(writes, before)

    assert budgets(None, 0, 0) is None
    first = budgets(None, 0, 2)
    assert first is not None
    spend(first, 0.0)
    assert budgets(first, 15, 0) is first
    refused(reserve(first, 1.0), BYTES)
    assert budgets(first, 0, 1) is first
    refused(reserve(first, 1.0), FILES)
    assert budgets(first, 0, 0) is None


def test_principals_do_not_spend_each_others_and_their_number_is_bounded() -> None:
    subject = WriteBudgets(max_bytes=0, max_files=1)
    for number in range(2 * MOST_REMEMBERED):
        spend(subject, 0.0, principal=str(number))
    refused(reserve(subject, 0.0, principal=str(2 * MOST_REMEMBERED - 1)), FILES)
    assert isinstance(reserve(subject, 0.0, principal="0"), Spending), "it is remembered no more"
