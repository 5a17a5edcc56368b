"""What is told of a change whose worker was ended, and which of them are looked into."""

import time
from typing import Any

import msgspec
import pytest

from filewarden.broker.call import Call
from filewarden.broker.lifecycle import Exit
from filewarden.broker.outcome_checks import SECONDS, OutcomeChecks, changes_something, told
from filewarden.broker.protocol.outcome import Failed, Outcome, Succeeded
from filewarden.workers.errors import Code
from filewarden.workers.methods.find_outcome import OPERATION
from filewarden.workers.operations import ChangeMade, FindOutcome, FoundOutcome
from filewarden.workers.tool import Lane, Tool
from filewarden.workers.tools import list_changes, read_file, write_file

SECOND_NS = 1_000_000_000
LOST = Failed(Code.TIMEOUT, "Timeout.", {})


def call_of(tool: Tool, **changed: Any) -> Call:
    arguments = write_file.WriteFile(path="a", content="")
    call = Call(
        id=7,
        client="c",
        principal="p",
        tool=tool,
        arguments=arguments,
        lane=Lane.QUICK,
        submitted_at=99.0,
        soft_at=100.0,
        hard_at=101.0,
        deliver=lambda _outcome: None,
    )
    for name, value in changed.items():
        setattr(call, name, value)
    return call


def admit(checks: OutcomeChecks, call: Call, cause: Exit = Exit.DEADLINE) -> Call | None:
    return checks.admit(iter((8,)), call, cause, 102.0, lambda _outcome: None)


@pytest.mark.parametrize(
    ("found", "sentence", "details"),
    [
        (None, "is not known", {"outcome": "unknown"}),
        (Failed(Code.TIMEOUT, "", {}), "is not known", {"outcome": "unknown"}),
        (Succeeded(msgspec.defstruct("Other", [])()), "is not known", {"outcome": "unknown"}),
        (Succeeded(FoundOutcome("unknown")), "is not known", {"outcome": "unknown"}),
        (Succeeded(FoundOutcome("unchanged")), "Nothing was changed.", {"outcome": "unchanged"}),
        (
            Succeeded(FoundOutcome("changed", (ChangeMade("folder", "x"), ChangeMade("content", "x/\x1b[0m")))),
            "changed the folder 'x', wrote 'x/\\x1B[0m'. The change was made.",
            {"outcome": "changed", "changed": ["x", "x/\x1b[0m"]},
        ),
        (Succeeded(FoundOutcome("changed", (ChangeMade("content", ""),))), "was made.", {"outcome": "changed"}),
    ],
)
def test_what_was_found_is_told(found: Outcome | None, sentence: str, details: dict[str, Any]) -> None:
    failed = told(LOST, found)
    assert failed.message.startswith("Timeout. ")
    assert failed.message.endswith(sentence) or sentence in failed.message
    assert (failed.code, failed.details) == (Code.TIMEOUT, details)


def test_only_what_changes_something_is_looked_into() -> None:
    assert changes_something(call_of(write_file.TOOL))
    assert not changes_something(call_of(read_file.TOOL))
    assert not changes_something(call_of(list_changes.TOOL))


def test_a_check_asks_about_its_call_with_a_deadline_of_its_own() -> None:
    checks = OutcomeChecks("server", OPERATION)
    call = call_of(write_file.TOOL)
    at_least_ns = time.time_ns() - 3 * SECOND_NS
    check = admit(checks, call)
    at_most_ns = time.time_ns() - 3 * SECOND_NS
    assert check is not None
    assert check.is_check
    assert isinstance(check.arguments, FindOutcome)
    assert at_least_ns <= check.arguments.since_ns <= at_most_ns, "from when its call came"
    assert check.arguments.mark == checks.mark(call) == "server-7"
    assert (check.principal, check.hard_at) == ("p", 102.0 + SECONDS)
    assert checks.next_check(lambda _call: False) is None
    assert checks.next_check(lambda _call: True) is check
    assert not checks.waiting


@pytest.mark.parametrize(
    ("changed", "cause"),
    [
        ({"is_settled": True}, Exit.DEADLINE),
        ({"is_check": True}, Exit.DEADLINE),
        ({}, Exit.CANCELLED),
        ({}, Exit.RECYCLED),
    ],
)
def test_where_nobody_listens_nobody_looks(changed: dict[str, Any], cause: Exit) -> None:
    assert admit(OutcomeChecks("server", OPERATION), call_of(write_file.TOOL, **changed), cause) is None


def test_without_a_history_nothing_is_looked_for() -> None:
    assert admit(OutcomeChecks("server", None), call_of(write_file.TOOL)) is None


def test_a_check_that_waits_can_be_taken_out_once() -> None:
    checks = OutcomeChecks("server", OPERATION)
    check = admit(checks, call_of(write_file.TOOL))
    assert check is not None
    assert checks.withdraw(check)
    assert not checks.withdraw(check)
    assert checks.next_check(lambda _call: True) is None
