import pytest

from filewarden.transports.http.page.attempts import FAILURES, MOST_REMEMBERED, RECOVERY_S, Attempts


def failing(attempts: Attempts, address: str, times: int, now: float = 0.0) -> None:
    for _ in range(times):
        attempts.failed(address, now)


def test_a_few_mistakes_are_free_and_one_more_becomes_free_from_time_to_time() -> None:
    attempts = Attempts()
    failing(attempts, "127.0.0.1", FAILURES - 1)
    assert attempts.wait_s("127.0.0.1", 0.0) == 0
    failing(attempts, "127.0.0.1", 1)
    assert attempts.wait_s("127.0.0.1", 0.0) == RECOVERY_S
    assert attempts.wait_s("127.0.0.1", RECOVERY_S) == 0
    failing(attempts, "127.0.0.1", 1, RECOVERY_S)
    assert attempts.wait_s("127.0.0.1", RECOVERY_S) == RECOVERY_S
    assert attempts.wait_s("127.0.0.1", 1000 * RECOVERY_S) == 0


def test_the_right_token_wipes_the_slate() -> None:
    attempts = Attempts()
    failing(attempts, "10.0.0.1", FAILURES)
    attempts.succeeded("10.0.0.1")
    assert attempts.wait_s("10.0.0.1", 0.0) == 0


@pytest.mark.parametrize(
    ("guesser", "other", "is_same"),
    [
        ("10.0.0.1", "10.0.0.2", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.2", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("", "somewhere", False),
    ],
)
def test_who_guesses_is_told_by_the_network_that_a_machine_can_have(guesser: str, other: str, is_same: bool) -> None:
    attempts = Attempts()
    failing(attempts, guesser, FAILURES)
    assert (attempts.wait_s(other, 0.0) > 0) is is_same


def test_a_thousand_guessers_are_remembered_and_no_more() -> None:
    attempts = Attempts()
    failing(attempts, "10.0.0.1", FAILURES)
    for number in range(MOST_REMEMBERED):
        attempts.failed(f"198.51.{number // 250}.{number % 250}", 0.0)
    assert attempts.wait_s("10.0.0.1", 0.0) == 0
