from collections.abc import Callable

import msgspec
import pytest

from filewarden.broker.call import Call
from filewarden.broker.incidents import MOST_KEPT
from filewarden.broker.ledger import BOUNDS_S, Ledger
from filewarden.broker.protocol.outcome import Asked, Failed, Outcome, Reason, Succeeded
from filewarden.workers.errors import Code

MakeCall = Callable[..., Call]


class Named(msgspec.Struct, frozen=True):
    path: str = "a.txt"


DONE = Succeeded(Named())
DENIED = Failed(Code.ACCESS_DENIED, "Access denied.")
FULL = Failed(Code.OVERLOADED, "The server is busy.", {}, Reason.QUEUE_FULL)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def naming(make_call: MakeCall) -> Callable[[str], Call]:
    """A call that names a path."""

    def make(path: str) -> Call:
        call = make_call()
        call.arguments = Named(path)
        return call

    return make


@pytest.mark.parametrize(
    ("outcome", "name"), [(DONE, "ok"), (Asked({}), "asked"), (DENIED, "access_denied"), (FULL, "overloaded")]
)
def test_each_outcome_has_a_histogram_of_its_own(
    ledger: Ledger, make_call: MakeCall, outcome: Outcome, name: str
) -> None:
    for took_s in (0.0004, 0.0005, 0.003, 99.0):
        ledger.count(make_call(), outcome, took_s)
    (figures,) = ledger.by_tool["noop"].outcomes.values()
    assert list(ledger.by_tool["noop"].outcomes) == [name]
    assert (figures.total, figures.buckets[0], figures.buckets[3], figures.buckets[-1]) == (4, 2, 1, 1)
    assert figures.seconds == pytest.approx(99.0039)


def test_a_bound_belongs_to_its_bucket(ledger: Ledger, make_call: MakeCall) -> None:
    for bound in BOUNDS_S:
        ledger.count(make_call(), DONE, bound)
    assert ledger.buckets() == [1] * len(BOUNDS_S) + [0]


def test_what_is_cancelled_or_refused_counts_as_that(ledger: Ledger, make_call: MakeCall) -> None:
    ledger.count_cancelled(make_call(), 1.0)
    ledger.count(make_call(), FULL, 0.0)
    ledger.note_refused(make_call(), Failed(Code.ACCESS_DENIED, "no", {}, Reason.NOT_GRANTED))
    assert (ledger.total, ledger.cancelled, ledger.rejected) == (2, 1, 1)
    assert {reason for reason, count in ledger.refusals.items() if count} == {Reason.QUEUE_FULL, Reason.NOT_GRANTED}


def test_answered_bytes_add_up(ledger: Ledger, make_call: MakeCall) -> None:
    for size in (10, 20):
        call = make_call()
        call.answer_bytes = size
        ledger.count(call, DONE, 0.1)
    assert ledger.by_tool["noop"].answer_bytes == 30


def test_incidents_are_what_an_operator_looks_at(ledger: Ledger, naming: Callable[[str], Call]) -> None:
    ledger.count(naming("missing"), Failed(Code.NOT_FOUND, "not found"), 0.1)
    ledger.count(naming("../secret"), DENIED, 0.1)
    (incident,) = ledger.incidents.latest()
    assert (incident.tool, incident.path, incident.code, incident.reason) == ("noop", "../secret", "access_denied", "")


def test_a_flood_of_one_kind_is_one_line_and_the_list_is_bounded(ledger: Ledger, naming: Callable[[str], Call]) -> None:
    for _ in range(1000):
        ledger.count(naming("same"), FULL, 0.0)
    assert [(each.count, each.reason) for each in ledger.incidents.latest()] == [(1000, "queue_full")]
    for number in range(1000):
        ledger.count(naming(f"{number}"), DENIED, 0.0)
    latest = ledger.incidents.latest()
    assert len(latest) == MOST_KEPT
    assert latest[0].path == "999"


def test_a_path_is_kept_in_part_and_shows_what_it_hides(ledger: Ledger, naming: Callable[[str], Call]) -> None:
    for path in ("x" * 1_000_000, "a\x1b[2Jb\u202e"):
        ledger.count(naming(path), DENIED, 0.0)
    shown = [each.path for each in ledger.incidents.latest()]
    assert all(len(path) <= 200 and path.isprintable() for path in shown)
    assert shown[0] != "a\x1b[2Jb\u202e"


def test_what_a_profile_counts_counts_for_the_whole_too(make_call: MakeCall) -> None:
    whole = Ledger()
    profile = Ledger(whole)
    whole.count(make_call(), DONE, 0.1)
    profile.count(make_call(), DENIED, 0.1)
    profile.count(make_call(), FULL, 0.1)
    profile.count_cancelled(make_call(), 0.1)
    assert (whole.total, whole.errors, whole.cancelled) == (4, 2, 1)
    assert (whole.own, profile.own) == ((1, 0), (3, 2))
    assert whole.refusals[Reason.QUEUE_FULL] == 1
    assert sum(each.count for each in whole.incidents.latest()) == 2
