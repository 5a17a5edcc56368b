"""The door of a dispatcher: which deadline a call gets, and what turns it away before any worker is asked."""

import itertools
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from filewarden.broker import verdicts
from filewarden.broker.admission import Admission
from filewarden.broker.call import DEAF, Call
from filewarden.broker.call_roots import CallRoots
from filewarden.broker.caller import Caller
from filewarden.broker.hung_roots import MOST_STUCK_IN_ROOT
from filewarden.broker.protocol.outcome import Failed, Reason
from filewarden.broker.protocol.principal import Principal
from filewarden.broker.root_closures import RootClosures
from filewarden.broker.write_budgets import WriteBudgets
from filewarden.config.sections.deadlines import DeadlineSettings
from filewarden.config.sections.roots import RootSettings
from filewarden.workers.tool import Tool
from filewarden.workers.tools import read_file, search_text, write_file

DEADLINES = DeadlineSettings(read_s=1, scan_s=2, write_s=4, grace_s=0.5, tool={"copy_file": 8})
NOW = 100.0


class Door:
    """An admission, and calls that come to it."""

    def __init__(self, *, budgets: WriteBudgets | None = None, audit: Any = None) -> None:
        roots = CallRoots([RootSettings(name=name, path=f"/srv/{name}") for name in ("near", "far")])
        self.closures = RootClosures(roots, lambda _sentence: None)
        self.admission = Admission(
            numbers=itertools.count(1), deadlines=DEADLINES, closures=self.closures, budgets=budgets, audit=audit
        )

    def call(
        self, tool: Tool = read_file.TOOL, arguments: msgspec.Struct | None = None, principal: str = "ann"
    ) -> Call:
        caller = Caller("session", Principal(principal))
        wanted = read_file.ReadFile(path="near/a") if arguments is None else arguments
        return self.admission.call(caller, tool, wanted, lambda _outcome: None, DEAF, None, None, NOW)

    def write(self, content: str = "x") -> Call:
        return self.call(write_file.TOOL, write_file.WriteFile(path="near/a", content=content))

    def refusal(self, call: Call) -> Failed | None:
        return self.admission.refusal(call)


def reason(refusal: Failed | None) -> Reason | None:
    assert refusal is not None
    return refusal.reason


@pytest.mark.parametrize(
    ("tool", "arguments", "soft_s"),
    [
        (read_file.TOOL, read_file.ReadFile(path="near/a"), 1),
        (search_text.TOOL, search_text.SearchText(pattern="x"), 2),
        (write_file.TOOL, write_file.WriteFile(path="near/a", content=""), 4),
        (msgspec.structs.replace(write_file.TOOL, name="copy_file"), write_file.WriteFile(path="a", content=""), 8),
    ],
)
def test_a_calls_deadline_is_that_of_its_kind_or_its_tools_own(
    tool: Tool, arguments: msgspec.Struct, soft_s: float
) -> None:
    call = Door().call(tool, arguments)
    assert (call.submitted_at, call.soft_at, call.hard_at) == (NOW, NOW + soft_s, NOW + soft_s + 0.5)


def test_new_settings_hold_for_the_calls_that_come_from_now_on() -> None:
    door = Door()
    assert door.refusal(door.write()) is None
    closed = Door()
    door.admission.renew(DeadlineSettings(write_s=16), WriteBudgets(max_bytes=0, max_files=1), closed.closures)
    call = door.write()
    assert call.soft_at == NOW + 16
    assert door.refusal(call) is None
    assert call.spending is not None
    assert door.admission.closures is closed.closures
    door.admission.renew(DeadlineSettings(), None, door.closures)
    assert door.refusal(door.write()) is None, "there is no budget any more"
    door.admission.settle_spending(call, verdicts.NEVER_RAN)  # nor does it matter to the call from before


def test_where_nothing_is_taken_everybody_hears_why() -> None:
    door = Door()
    door.admission.closed = verdicts.DRAINING
    assert door.refusal(door.call()) is verdicts.DRAINING


def test_what_cannot_be_recorded_is_refused() -> None:
    audit = SimpleNamespace(refusal=None)
    door = Door(audit=audit)
    assert door.refusal(door.call()) is None
    audit.refusal = verdicts.NOT_SERVED
    assert door.refusal(door.call()) is verdicts.NOT_SERVED


def test_what_leads_into_a_root_that_hangs_is_refused() -> None:
    door = Door()
    far = door.call(arguments=read_file.ReadFile(path="far/a"))
    door.closures.look([far] * MOST_STUCK_IN_ROOT)
    assert reason(door.refusal(far)) is Reason.ROOT_HUNG
    assert door.refusal(door.call()) is None


def test_a_call_that_costs_workers_is_refused_to_whoever_made_it_and_nothing_else_is() -> None:
    door = Door()
    for _ in range(2):
        assert door.refusal(door.call()) is None
        door.admission.note_loss(door.call(), NOW)
    assert reason(door.refusal(door.call())) is Reason.REPEATED_LOSS
    assert door.refusal(door.call(principal="ben")) is None
    assert door.refusal(door.call(msgspec.structs.replace(read_file.TOOL, name="another"))) is None
    assert door.refusal(door.call(arguments=read_file.ReadFile(path="near/b"))) is None


def test_a_change_reserves_what_it_may_spend_and_one_for_which_nothing_is_left_is_refused() -> None:
    door = Door(budgets=WriteBudgets(max_bytes=0, max_files=1))
    first, second = door.write(), door.write()
    assert door.refusal(first) is None
    assert reason(door.refusal(second)) is Reason.WRITE_BUDGET
    assert (first.spending is None, second.spending) == (False, None)
    assert door.refusal(door.call()) is None, "reading costs nothing"
    door.admission.settle_spending(first, verdicts.NEVER_RAN)
    assert door.refusal(second) is None
