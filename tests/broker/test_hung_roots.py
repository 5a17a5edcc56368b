from collections import Counter

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from filewarden.broker.call_roots import CallRoots
from filewarden.broker.hung_roots import MOST_STUCK, MOST_STUCK_IN_ROOT, PROBE_EVERY_S, HungRoots
from filewarden.config.sections.roots import RootSettings


def hung(**stuck: int) -> HungRoots:
    subject = HungRoots()
    subject.observe(Counter(stuck))
    return subject


def test_a_few_workers_that_do_not_die_close_their_root_and_no_other() -> None:
    subject = HungRoots()
    assert subject.observe(Counter(a=MOST_STUCK_IN_ROOT - 1)) == []
    assert not subject
    assert subject.observe(Counter(a=MOST_STUCK_IN_ROOT)) == ["a"]
    assert subject.observe(Counter(a=MOST_STUCK_IN_ROOT)) == []
    assert subject.refused(["a"], 0.0) == "a"
    assert subject.refused(["b"], 0.0) is None
    assert subject.refused(["b", "a"], 0.0) == "a"
    assert subject.names == ("a",)


def test_many_roots_with_a_few_each_are_closed_together() -> None:
    stuck = {f"root{number}": 1 for number in range(MOST_STUCK)}
    subject = hung(**stuck)
    assert set(subject.names) == set(stuck)
    assert subject.refused(["another"], 0.0) is None


def test_once_they_die_one_call_a_time_is_tried_until_one_is_answered() -> None:
    subject = hung(a=MOST_STUCK_IN_ROOT)
    assert subject.answered(["a"]) == []  # of before it hung
    subject.observe(Counter(a=1))
    assert subject.refused(["a"], 10.0) is None
    assert subject.refused(["a"], 10.0) == "a"
    assert subject.refused(["a"], 10.0 + PROBE_EVERY_S) is None
    assert subject.answered(["b"]) == []
    assert subject.answered(["a"]) == ["a"]
    assert not subject
    assert subject.refused(["a"], 10.0) is None


def test_a_root_that_hangs_again_while_it_is_tried_is_closed_again() -> None:
    subject = hung(a=MOST_STUCK_IN_ROOT)
    subject.observe(Counter())
    assert subject.observe(Counter(a=MOST_STUCK_IN_ROOT)) == ["a"]
    assert subject.refused(["a"], 100.0) == "a"


@settings(max_examples=100, deadline=None, database=None)
@given(steps=st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 5), st.booleans()), max_size=40))
def test_no_root_stays_closed_once_its_workers_are_dead_and_it_answers(steps: list[tuple[str, int, bool]]) -> None:
    subject, stuck = HungRoots(), Counter[str]()
    for now, (root, count, answers) in enumerate(steps):
        stuck[root] = count
        subject.observe(+stuck)
        assert (subject.refused([root], now) == root) or count < MOST_STUCK_IN_ROOT
        if answers:
            subject.answered([root])
    subject.observe(Counter())
    late = len(steps) + 10.0
    assert [subject.refused([root], late) for root in "ab"] == [None, None]
    subject.answered(["a", "b"])
    assert not subject


class Arguments(msgspec.Struct):
    path: str = "."
    paths: tuple[str, ...] = ()
    uri: str = ""


def roots(*names: str) -> CallRoots:
    return CallRoots([RootSettings(path=f"/srv/{name}", name=name) for name in names])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (Arguments("a/x"), {"a"}),
        (Arguments("a"), {"a"}),
        (Arguments("/srv/b/x"), {"b"}),
        (Arguments("/srv/b"), {"b"}),
        (Arguments("/srv/bb/x"), set()),
        (Arguments("ab/x"), set()),
        (Arguments("."), set()),
        (Arguments("..", ("a/1", "b/2")), {"a", "b"}),
        (Arguments(uri="file:///srv/a/x"), {"a"}),
    ],
)
def test_with_several_roots_the_spelling_tells(arguments: Arguments, expected: set[str]) -> None:
    assert roots("a", "b").of(arguments) == expected


def test_with_one_root_every_call_goes_there() -> None:
    assert roots("a").of(Arguments("anything")) == {"a"}


def test_a_root_within_another_is_the_one_that_counts() -> None:
    subject = CallRoots([RootSettings(path="/srv", name="out"), RootSettings(path="/srv/in", name="in")])
    assert subject.of(Arguments("/srv/in/x")) == {"in"}
    assert subject.of(Arguments("/srv/x")) == {"out"}
