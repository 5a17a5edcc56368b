"""What a captured worker can do to the front-end over its link: lose its life, and nothing else."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration

MIB = 1 << 20
PEAK_BYTES = 400 * MIB
"""What the front-end may grow by under attack: the allowance, what one tick lets in at full speed, and slack."""

Json = dict[str, Any]
Audited = Callable[[int], tuple[list[Json], list[Json]]]

RUNNING = ["garbage", "empty", "our own message", "another call's answer", "an old call's answer",
           "an answer of another shape", "an answer of another kind", "a word of its own for a code",
           "an answer that says too much", "a long refusal",
           "half an answer", "the hello again", "a second report", "a message of many parts", "an oversize frame",
           "no ZMTP", "hanging up", "a lying length", "progress that nobody asked for", "another call's log message",
           "progress of NaN", "a deep question", "a question of another kind", "log messages without end"]  # fmt: skip
IDLE = ["idle: an answer", "idle: a second report", "idle: an oversize frame", "idle: burning", "idle: pings"]
ENDLESS = ["an endless message of big parts", "an endless message of empty parts"]


def failure(result: Json) -> str:
    assert result["isError"], result
    code: str = result["structuredContent"]["error"]["code"]
    return code


def settled(server: Any, restarts: int) -> Json:
    """The status when the pool is whole again after so many restarts."""
    status: Json = server.wait_for_status(
        lambda status: (
            status["pool"]["restarts_total"] >= restarts
            and status["pool"]["ready"] == status["pool"]["size"]
            and status["pool"]["busy"] == 0
        )
    )
    return status


def test_an_illegal_frame_costs_the_worker_its_life_and_others_nothing(captured: Any, audited: Audited) -> None:
    captured.call("get_file_info", path="README.md")  # so that there is an old call
    for number, name in enumerate(RUNNING, start=1):
        attack = captured.start_call("attack_link", name=name)
        assert not captured.call("get_file_info", path="README.md").get("isError"), name
        assert failure(captured.answer(attack)["result"]) == "worker_crashed", name  # and no timeout
        status = settled(captured, number)
        assert status["pool"]["restarts_total"] == number, name
        assert "protocol" in [row["last_exit"] for row in status["workers"]], name
    assert captured.errors.count("broke the protocol") == len(RUNNING)
    calls, breaches = audited(len(RUNNING))
    calls = [call for call in calls if call["tool"] == "attack_link"]
    assert {call["outcome"] for call in calls} == {"worker_crashed"}
    assert [breach["call"] for breach in breaches] == [call["call"] for call in calls]
    for call, breach in zip(calls, breaches, strict=True):
        assert (breach["worker"], breach["role"], breach["principal"]) == (call["worker"], "ro", call["principal"])
    assert "words of the worker" in captured.errors
    assert not any("words of the worker" in breach["reason"] for breach in breaches)


def test_two_answers_are_one_too_many(captured: Any) -> None:
    """The first may be believed, when it is read before the second arrives."""
    for number, name in enumerate(["two answers", "a flood of answers"], start=1):
        result = captured.call("attack_link", name=name)
        assert not result.get("isError") or failure(result) == "worker_crashed"
        assert settled(captured, number)["pool"]["restarts_total"] == number


def test_a_worker_that_is_not_quiet_without_a_call_is_ended(captured: Any, audited: Audited) -> None:
    for number, name in enumerate(IDLE, start=1):
        assert not captured.call("attack_link", name=name).get("isError")
        status = settled(captured, number)
        assert status["pool"]["restarts_total"] == number, name
        assert "protocol" in [row["last_exit"] for row in status["workers"]], name
        assert not captured.call("get_file_info", path="README.md").get("isError"), name
    calls, breaches = audited(len(IDLE))
    calls = [call for call in calls if call["tool"] == "attack_link"]
    assert {call["outcome"] for call in calls} == {"ok"}
    assert [breach["worker"] for breach in breaches] == [call["worker"] for call in calls]
    assert all("call" not in breach for breach in breaches)
    assert [breach["reason"] for breach in breaches] == [
        "a frame about a call that it does not run",
        "a start report out of turn",
        "a frame of 16777216 bytes",
        "it works without a call",
        "a command",
    ]


def test_honest_workers_are_quiet(captured: Any) -> None:
    for _ in range(200):
        captured.call("get_file_info", path="README.md")
    captured.wait_for_status(lambda status: status["uptime_s"] > 2)
    assert captured.status()["pool"]["restarts_total"] == 0


@pytest.mark.parametrize("name", ENDLESS)
def test_an_endless_message_ends_with_its_worker_and_memory_stays_bounded(
    captured: Any, peak_of: Callable[[int], Any], name: str
) -> None:
    peak = peak_of(captured.pid)
    attack = captured.start_call("attack_link", name=name)
    for _ in range(20):
        assert not captured.call("get_file_info", path="README.md").get("isError")
    assert failure(captured.answer(attack)["result"]) == "worker_crashed"
    settled(captured, 1)
    assert peak.growth < PEAK_BYTES, f"{peak.growth / MIB:.0f} MiB"


@pytest.mark.parametrize("name", ENDLESS)
def test_an_endless_message_of_an_idle_worker_spares_the_busy_ones(
    captured: Any, peak_of: Callable[[int], Any], name: str
) -> None:
    peak = peak_of(captured.pid)
    honest = captured.start_call("sleep", name="", number=1500)
    assert not captured.call("attack_link", name=f"idle: {name}").get("isError")
    captured.wait_for_status(lambda status: status["pool"]["restarts_total"] > 0)
    assert not captured.call("get_file_info", path="README.md").get("isError")
    assert captured.answer(honest)["result"]["structuredContent"]["outcome"] == "slept"
    assert peak.growth < PEAK_BYTES, f"{peak.growth / MIB:.0f} MiB"


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_attacks_on_memory_do_not_lift_the_bar_for_the_next(captured: Any, peak_of: Callable[[int], Any]) -> None:
    peak = peak_of(captured.pid)
    for number in range(12):
        assert failure(captured.call("attack_link", name=ENDLESS[number % 2], number=number)) == "worker_crashed"
        settled(captured, number + 1)
    assert peak.growth < PEAK_BYTES, f"{peak.growth / MIB:.0f} MiB"


def test_a_flood_on_standard_error_reaches_neither_the_stream_nor_fills_the_log(captured: Any) -> None:
    megabytes = 100
    flood = captured.start_call("flood", name="lines", number=megabytes)
    for _ in range(10):
        assert not captured.call("get_file_info", path="README.md").get("isError")  # every line is parsed and matched
    result = captured.answer(flood)["result"]
    assert not result.get("isError") or failure(result) == "timeout"
    assert not captured.call("flood", name="one line", number=4).get("isError")
    assert len(captured.errors) < MIB
    assert captured.call("get_file_info", path="README.md")["structuredContent"]["path"] == "README.md"


def test_k20_what_a_worker_keeps_is_nowhere_after_its_end(captured: Any) -> None:
    left = captured.call("mark", text="a trace of the first")["structuredContent"]
    assert captured.call("mark")["structuredContent"] == left  # the same process: one caller, one worker
    captured.call("attack_link", name="garbage")
    status = settled(captured, 1)
    assert left["pid"] not in [row["pid"] for row in status["workers"]]
    assert captured.call("mark")["structuredContent"]["outcome"] == ""


def test_nothing_is_left_of_the_attacks(captured: Any, tree: Path) -> None:
    """Descriptors of the front-end, by the number."""
    settled(captured, 0)
    before = len(os.listdir(f"/proc/{captured.pid}/fd"))
    for number, name in enumerate(["garbage", "an oversize frame", "hanging up"], start=1):
        captured.call("attack_link", name=name)
        settled(captured, number)
    # ZeroMQ closes in a thread of its own, and the next spare is on its way.
    captured.wait_for_status(lambda _status: len(os.listdir(f"/proc/{captured.pid}/fd")) <= before)
    assert sorted(path.name for path in tree.iterdir()) == [".hidden", "README.md", "data", "notes.txt", "src"]
