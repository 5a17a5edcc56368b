"""The suite's own judgement: what it must not overlook."""

import pytest

from tests.chaos.flatness import drifts
from tests.chaos.tally import Facts, Failure, Message, Result, RpcError, Tally
from tests.chaos.watch import Holding


def ok(path: str) -> Message:
    return Message(id=1, result=Result(structured_content=Facts(path=path)))


def failed(code: str) -> Message:
    return Message(id=1, result=Result(structured_content=Facts(error=Failure(code=code)), is_error=True))


@pytest.mark.parametrize(
    ("message", "took_s", "is_broken"),
    [
        (ok("a.txt"), 0.1, False),
        (ok("b.txt"), 0.1, True),
        (ok("a.txt"), 2.3, True),
        (failed("worker_crashed"), 0.1, False),
        (failed("timeout"), 2.24, False),
        (failed("access_denied"), 0.1, True),
        (Message(id=1, result=Result(is_error=True)), 0.1, True),
        (Message(id=1, error=RpcError(-32603)), 0.1, True),
    ],
)
def test_a_crossed_late_or_untyped_answer_breaks_a_promise(message: Message, took_s: float, is_broken: bool) -> None:
    tally = Tally(deadline_s=2.0)
    tally.answered("client", "a.txt", message, took_s)
    assert bool(tally.broken) == is_broken == bool(tally.broken_total)


def test_what_grows_is_told_from_what_warms_up_and_what_wobbles() -> None:
    flat = [Holding(100 + (number % 3), 1000, 50, 9) for number in range(40)]
    warming = [Holding(20, 20, 5, 1)] * 10 + flat[10:]
    growing = [Holding(100 + number, 1000, 50, 9) for number in range(40)]
    assert all(drift.is_flat for samples in (flat, warming) for drift in drifts(samples))
    assert [drift.is_flat for drift in drifts(growing)] == [False, True, True, True]
    with pytest.raises(ValueError, match="samples"):
        drifts(flat[:7])
