"""Who hears of the end of a call, in which order, and that nobody hears of it twice."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from filewarden.broker.call import Call
from filewarden.broker.caller import Caller
from filewarden.broker.ledger import Ledger
from filewarden.broker.protocol.outcome import Failed, Outcome, Succeeded
from filewarden.broker.protocol.principal import LOCAL
from filewarden.broker.settlement import Settlement
from filewarden.broker.write_budgets import Spending
from filewarden.workers.errors import Code

MakeCall = Callable[..., Call]
FAILED = Failed(Code.TIMEOUT, "", {})


class Result(msgspec.Struct, frozen=True):
    pass


DONE = Succeeded(Result())


class Hall:
    """A settlement, and in `heard` who was told, in this order."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        audit: Any = self
        self.settlement = Settlement(
            ledger=Ledger(),
            spend=lambda _call, _outcome: self.heard.append("budget"),
            on_list_changed=lambda kind: self.heard.append(f"{kind} have changed"),
            audit=audit,
            witnesses=(lambda _call, outcome, took_s: self.heard.append(f"witness: {_word(outcome)}, {took_s} s"),),
            unread=(lambda _caller, tool, number: self.heard.append(f"unread: {tool} {number}"),),
        )

    def record(self, _call: Call, outcome: Outcome | None) -> None:
        self.heard.append(f"audit: {_word(outcome)}")

    def record_unread(self, _caller: Caller, tool: str, number: int) -> None:
        self.heard.append(f"audit: {tool} {number}")


def _word(outcome: Outcome | None) -> str:
    return "cancelled" if outcome is None else type(outcome).__name__


@pytest.fixture
def hall() -> Hall:
    return Hall()


@pytest.fixture
def call(hall: Hall, make_call: MakeCall) -> Call:
    """One that has reserved something and changes what is offered."""
    call = make_call(writes=True)
    call.tool = msgspec.structs.replace(call.tool, changes="resources")
    call.spending = Spending(call.principal, 0, 1, 1)
    call.deliver = lambda outcome: hall.heard.append(f"caller: {_word(outcome)}")
    return call


def test_whoever_waits_is_told_first_and_the_audit_log_last(hall: Hall, call: Call) -> None:
    hall.settlement.settle(call, FAILED, 3.0)
    assert hall.heard == ["budget", "caller: Failed", "witness: Failed, 3.0 s", "audit: Failed"]


def test_what_is_offered_has_changed_only_with_success(hall: Hall, call: Call) -> None:
    hall.settlement.settle(call, DONE, 3.0)
    assert hall.heard[1::3] == ["caller: Succeeded", "resources have changed"]


def test_a_call_is_settled_once(hall: Hall, call: Call) -> None:
    hall.settlement.settle(call, DONE, 3.0)
    heard = list(hall.heard)
    hall.settlement.settle(call, FAILED, 4.0)
    call.deliver(FAILED)
    assert hall.heard == heard


def test_whoever_has_left_is_told_nothing_and_may_still_spend(hall: Hall, call: Call) -> None:
    hall.settlement.cancel(call, 3.0)
    hall.settlement.settle(call, DONE, 4.0)
    assert hall.heard == ["witness: cancelled, 3.0 s", "audit: cancelled"]


def test_a_check_is_the_servers_own_affair(hall: Hall, call: Call) -> None:
    call.is_check = True
    hall.settlement.settle(call, DONE, 3.0)
    assert hall.heard == ["caller: Succeeded"]


def test_what_made_no_call_is_on_record(hall: Hall, call: Call) -> None:
    hall.settlement.note_unread(Caller("c", LOCAL), "read_file", 7)
    hall.settlement.note_refused(call, FAILED)
    assert hall.heard == ["unread: read_file 7", "audit: read_file 7", "witness: Failed, 0.0 s", "audit: Failed"]
