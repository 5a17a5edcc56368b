from collections import Counter, deque
from collections.abc import Callable

from hypothesis import given, strategies as st

from filewarden.transports.http.turnstile import AT_ONCE, Turnstile


class Loop:
    """Runs what was asked for later, a turn at a time."""

    def __init__(self) -> None:
        self.waiting: deque[Callable[[], object]] = deque()
        self.turnstile = Turnstile(self.waiting.append)
        self.let_in: list[tuple[str, int]] = []

    def enter(self, sender: str, number: int, principal: str = "") -> None:
        self.turnstile.enter(principal, sender, lambda: self.let_in.append((sender, number)))

    def turn(self) -> int:
        """The next one; how many were let in."""
        before = len(self.let_in)
        for _ in range(len(self.waiting)):
            self.waiting.popleft()()
        return len(self.let_in) - before


def test_a_lone_request_waits_for_nothing() -> None:
    loop = Loop()
    for number in range(3):
        loop.enter("a", number)
        assert loop.let_in[-1] == ("a", number)
        loop.turn()


def test_one_that_comes_after_a_burst_of_somebody_else_passes_it() -> None:
    loop = Loop()
    for number in range(64):
        loop.enter("burst", number)
    loop.turn()
    loop.enter("victim", 0)
    already = len(loop.let_in)
    loop.turn()
    assert ("victim", 0) in loop.let_in[already : already + AT_ONCE]
    assert loop.let_in.index(("victim", 0)) - already <= 1


def test_many_connections_are_still_one_principal() -> None:
    loop = Loop()
    for number in range(64):
        loop.enter(f"connection-{number}", 0, "greedy")
    loop.turn()
    for number in range(3):
        loop.enter("victim", number, "polite")
    already = len(loop.let_in)
    for _ in range(6):
        loop.turn()
    assert [loop.let_in.index(("victim", number)) - already for number in range(3)] == [1, 3, 5]


@given(st.lists(st.one_of(st.sampled_from("abc"), st.just("")), max_size=100))
def test_all_are_let_in_once_in_their_order_and_few_in_one_turn(steps: list[str]) -> None:
    loop, asked = Loop(), Counter[str]()
    for sender in steps:
        if sender:
            loop.enter(sender, asked[sender])
            asked[sender] += 1
        else:
            assert loop.turn() <= AT_ONCE
    for _ in range(len(steps) + 1):
        loop.turn()
    assert Counter(sender for sender, _ in loop.let_in) == asked
    for sender, count in asked.items():
        assert [number for each, number in loop.let_in if each == sender] == list(range(count))
    assert not loop.waiting  # and nothing keeps the loop awake


@given(st.integers(1, 40), st.integers(2, 6))
def test_senders_that_all_have_something_are_let_in_by_turns(rows: int, senders: int) -> None:
    loop = Loop()
    for row in range(senders):
        for number in range(rows):
            loop.enter(str(row), number)
    for _ in range(rows * senders):
        loop.turn()
    fair = loop.let_in[AT_ONCE:]
    for end in range(len(fair)):
        left = {str(row): rows for row in range(senders)}
        for sender, _ in loop.let_in[: AT_ONCE + end]:
            left[sender] -= 1
        busy = [count for count in left.values() if count]
        assert not busy or max(busy) - min(busy) <= AT_ONCE + 1
