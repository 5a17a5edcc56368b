from filewarden.broker.quarantine import MOST_REMEMBERED, WINDOW_S, Quarantine

KEY = ("local", "read_file", b"\x81")
OTHER = ("local", "read_file", b"\x82")


def test_one_loss_closes_nothing() -> None:
    subject = Quarantine()
    subject.lost(KEY, 0.0)
    assert subject.closed_for_s(KEY, 1.0) == 0


def test_two_losses_within_a_minute_close_the_call_for_a_minute() -> None:
    subject = Quarantine()
    subject.lost(KEY, 0.0)
    subject.lost(KEY, 10.0)
    assert subject.closed_for_s(KEY, 11.0) == WINDOW_S - 1
    assert subject.closed_for_s(OTHER, 11.0) == 0
    assert subject.closed_for_s(KEY, 10.0 + WINDOW_S) == 0


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
        subject.lost(("local", "t", str(number).encode()), 0.0)
    subject.lost(("local", "t", b"0"), 1.0)
    assert subject.closed_for_s(("local", "t", b"0"), 2.0) == 0
