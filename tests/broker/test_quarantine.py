import itertools

import msgspec

from filewarden.broker.admission import Admission
from filewarden.broker.call import DEAF
from filewarden.broker.call_roots import CallRoots
from filewarden.broker.caller import Caller
from filewarden.broker.protocol.principal import LOCAL
from filewarden.broker.quarantine import MOST_REMEMBERED, WINDOW_S, Quarantine
from filewarden.broker.root_closures import RootClosures
from filewarden.config.sections.deadlines import DeadlineSettings
from filewarden.workers.tools import write_file

KEY = ("local", "read_file", 1)
OTHER = ("local", "read_file", 2)


def test_one_loss_closes_nothing() -> None:
    subject = Quarantine()
    subject.lost(KEY, 0.0)
    assert subject.closed_for_s(KEY, 1.0) == 0


def test_two_losses_within_a_minute_close_the_call_for_a_minute() -> None:
    subject = Quarantine()
    subject.lost(KEY, 1000.0)
    subject.lost(KEY, 1010.0)
    assert subject.closed_for_s(KEY, 1011.0) == WINDOW_S - 1
    assert subject.closed_for_s(OTHER, 1011.0) == 0
    assert subject.closed_for_s(KEY, 1010.0 + WINDOW_S) == 0


def test_losses_far_apart_close_nothing() -> None:
    subject = Quarantine()
    subject.lost(KEY, 0.0)
    subject.lost(KEY, WINDOW_S + 1)
    assert subject.closed_for_s(KEY, WINDOW_S + 2) == 0


def test_after_the_minute_it_begins_anew() -> None:
    subject = Quarantine()
    subject.lost(KEY, 0.0)
    subject.lost(KEY, 1.0)
    assert subject.closed_for_s(KEY, 62.0) == 0
    subject.lost(KEY, 63.0)
    assert subject.closed_for_s(KEY, 64.0) == 0


def test_what_is_remembered_is_bounded() -> None:
    subject = Quarantine()
    for number in range(MOST_REMEMBERED + 10):
        subject.lost(("local", "t", number), 0.0)
    subject.lost(("local", "t", 0), 1.0)
    assert subject.closed_for_s(("local", "t", 0), 2.0) == 0


def test_what_a_call_brought_is_not_remembered_with_it() -> None:
    door = Admission(
        numbers=itertools.count(1),
        deadlines=DeadlineSettings(),
        closures=RootClosures(CallRoots(()), lambda _sentence: None),
        budgets=None,
        audit=None,
    )

    def call(content: str) -> object:
        arguments = write_file.WriteFile(path="a", content=content)
        made = door.call(
            Caller("c", LOCAL), write_file.TOOL, arguments, lambda _outcome: None, DEAF, None, None, now=0.0
        )
        if door.refusal(made) is None:
            door.note_loss(made, 0.0)
            return None
        return "refused"

    large = "x" * 1_000_000
    assert [call(large) for _ in range(3)] == [None, None, "refused"]
    assert call(large + "y") is None
    assert len(msgspec.msgpack.encode(list(door._quarantine.losses))) < 1000  # noqa: SLF001
