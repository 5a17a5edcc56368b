"""What misbehaving calls and killed workers cost: one call, one worker, for one deadline."""

import contextlib
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from filewarden.workers.wire import max_body_bytes
from tests.drivers.busy import BUSY_S
from tests.drivers.messages import rpc

pytestmark = pytest.mark.integration

DEADLINE_S = 0.85
SLACK_S = 0.25
Json = dict[str, Any]


LONG = {"FILEWARDEN_DEADLINES_READ_S": "20", "FILEWARDEN_DEADLINES_SCAN_S": "20"}
"""Of calls that are still under way when a test ends, however slow the machine is."""


def failure(result: Json) -> str:
    assert result["isError"], result
    code: str = result["structuredContent"]["error"]["code"]
    return code


def busy(status: Json) -> list[Json]:
    return [row for row in status["workers"] if row["state"] == "busy"]


def running(server: Any) -> Json:
    """The worker that runs a call, which has reached it.

    In the tick in which it is given the call, it is shown as busy before it is sent that; the next status comes later.
    """
    server.wait_for_status(busy)
    return busy(server.wait_for_status(busy))[0]


@pytest.fixture
def faulty(start_server: Callable[..., Any], short_deadlines: dict[str, str]) -> Any:
    server = start_server(faulty=True, **short_deadlines)
    server.initialize()
    server.wait_until_ready()
    return server


@pytest.fixture
def patient(start_server: Callable[..., Any], short_deadlines: dict[str, str]) -> Any:
    """As `faulty`, with time for what a test does to a call under way."""
    server = start_server(faulty=True, **{**short_deadlines, **LONG})
    server.initialize()
    server.wait_until_ready()
    return server


def test_a_spinning_call_is_ended_at_its_deadline_and_its_slot_is_back(faulty: Any) -> None:
    start = time.monotonic()
    assert failure(faulty.call("spin")) == "timeout"
    assert time.monotonic() - start <= DEADLINE_S + SLACK_S + BUSY_S
    status = faulty.wait_for_status(lambda status: not busy(status) and status["pool"]["ready"] == 3)
    assert time.monotonic() - start <= DEADLINE_S + SLACK_S + 1 + BUSY_S
    row = status["workers"][0]
    assert (row["state"], row["restarts"], row["last_exit"]) == ("idle", 1, "deadline")
    assert status["calls"]["timeouts"] == 1
    assert status["pool"]["restarts_total"] == 1


def test_others_notice_nothing_while_a_call_spins(faulty: Any) -> None:
    spinning = faulty.start_call("spin")
    start = time.monotonic()
    for _ in range(8):
        assert not faulty.call("get_file_info", path="README.md").get("isError")
    assert time.monotonic() - start < DEADLINE_S
    assert failure(faulty.answer(spinning)["result"]) == "timeout"


def test_l30_q03_a_stopped_worker_is_killed_at_the_deadline(
    faulty: Any, all_gone: Callable[[set[int], float], bool]
) -> None:
    call = faulty.start_call("sleep")
    row = running(faulty)
    os.kill(row["pid"], signal.SIGSTOP)
    start = time.monotonic()
    assert failure(faulty.answer(call)["result"]) == "timeout"
    assert time.monotonic() - start <= DEADLINE_S + SLACK_S + BUSY_S
    status = faulty.wait_for_status(lambda status: status["workers"][row["slot"]]["state"] == "idle")
    assert status["workers"][row["slot"]]["pid"] != row["pid"]
    assert all_gone({row["pid"]}, 1.0)


def test_a_worker_killed_from_outside_costs_one_call_and_a_spare_takes_its_place(
    patient: Any, descendants: Callable[[int], set[int]]
) -> None:
    already_there = descendants(patient.pid)
    call = patient.start_call("sleep")
    row = running(patient)
    start = time.monotonic()
    os.kill(row["pid"], signal.SIGKILL)
    assert failure(patient.answer(call)["result"]) == "worker_crashed"
    assert time.monotonic() - start <= SLACK_S + BUSY_S
    status = patient.wait_for_status(lambda status: status["workers"][row["slot"]]["state"] == "idle")
    assert status["workers"][row["slot"]]["last_exit"] == "crash"
    assert status["workers"][row["slot"]]["restarts"] == 1
    assert status["workers"][row["slot"]]["pid"] in already_there - {row["pid"]}


def _wait_for_state(pid: int, states: str) -> None:
    """Until /proc shows a process in one of these; one that was reaped counts as a zombie."""
    give_up_at = time.monotonic() + BUSY_S
    while True:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            state = "Z"
        if state in states:
            return
        assert time.monotonic() < give_up_at
        os.sched_yield()


def test_a_call_is_not_lost_with_a_worker_that_never_heard_of_it(patient: Any) -> None:
    """The server hears at once of the call, and of the death of whom it would have given it to."""
    for _ in range(3):
        status = patient.wait_for_status(lambda status: status["pool"]["ready"] == 3 and status["pool"]["spares"] == 1)
        worker = status["workers"][0]["pid"]
        os.kill(patient.pid, signal.SIGSTOP)
        try:
            _wait_for_state(patient.pid, "Tt")
            call = patient.start_call("get_file_info", path="README.md")
            os.kill(worker, signal.SIGKILL)
            _wait_for_state(worker, "Z")
        finally:
            os.kill(patient.pid, signal.SIGCONT)
        assert not patient.answer(call)["result"].get("isError")


def test_a_call_that_eats_memory_gets_a_typed_error_and_the_server_goes_on(patient: Any) -> None:
    """The deadline is out of reach: on a busy machine it takes a second to eat so much."""
    reading = patient.start_call("get_file_info", path="README.md")
    assert failure(patient.call("eat", megabytes=10_000)) == "memory_limit"
    assert not patient.answer(reading)["result"].get("isError")
    status = patient.wait_for_status(lambda status: status["pool"]["ready"] == 3 and not busy(status))
    assert [row["last_exit"] for row in status["workers"]].count("memory") == 1


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGTERM])
def test_a_crash_costs_one_call(faulty: Any, number: signal.Signals) -> None:
    assert failure(faulty.call("die", number=int(number))) == "worker_crashed"
    assert not faulty.call("get_file_info", path="README.md").get("isError")


def test_a_forbidden_system_call_is_reported_as_a_violation(faulty: Any) -> None:
    assert failure(faulty.call("exec")) == "worker_crashed"
    faulty.wait_for_status(lambda status: status["workers"][0]["last_exit"] == "violation")


def test_a_bug_in_a_tool_costs_an_answer_not_a_worker_and_tells_nothing(faulty: Any) -> None:
    result = faulty.call("break")
    assert failure(result) == "io_error"
    assert "passwd" not in str(result)
    assert faulty.status()["pool"]["restarts_total"] == 0


def test_what_is_too_long_to_be_said_costs_an_answer_not_a_worker(faulty: Any) -> None:
    most = max_body_bytes(40_000)
    assert len(faulty.call("tell", number=most - 100)["structuredContent"]["words"]) == most - 100
    assert failure(faulty.call("tell", number=most)) == "too_large"
    refused = faulty.call("refuse", number=1_000_000)
    assert failure(refused) == "conflict"
    assert refused["structuredContent"]["error"]["message"].startswith("No. No. ")
    assert faulty.status()["pool"]["restarts_total"] == 0


def test_a_call_that_waits_until_its_deadline_costs_no_worker(faulty: Any) -> None:
    calls = [faulty.start_call("spin") for _ in range(4)]
    assert [failure(faulty.answer(call)["result"]) for call in calls] == ["timeout"] * 4
    assert faulty.status()["pool"]["restarts_total"] == 3


def test_reads_that_came_with_calls_that_are_ended_or_crash_are_answered(faulty: Any) -> None:
    lost = [faulty.start_call("spin"), faulty.start_call("spin"), faulty.start_call("die", number=int(signal.SIGSEGV))]
    reads = [faulty.start_call("get_file_info", path="README.md") for _ in range(12)]
    for call in reads:
        assert not faulty.answer(call)["result"].get("isError")
    assert [failure(faulty.answer(call)["result"]) for call in lost] == ["timeout", "timeout", "worker_crashed"]
    assert faulty.status()["pool"]["restarts_total"] == 3


def test_cancelling_a_running_call_frees_the_worker_and_gives_no_answer(patient: Any) -> None:
    call = patient.start_call("spin")
    row = running(patient)
    patient.notify("notifications/cancelled", {"requestId": call})
    status = patient.wait_for_status(lambda status: not busy(status) and status["pool"]["ready"] == 3)
    assert status["workers"][row["slot"]]["last_exit"] == "cancelled"
    assert status["calls"]["cancelled"] == 1
    later = patient.send("ping")
    assert patient.receive()["id"] == later


def test_cancelling_a_call_in_the_same_breath_costs_no_worker(faulty: Any) -> None:
    before = [row["pid"] for row in faulty.status()["workers"]]
    asked = [rpc("tools/call", {"name": "spin", "arguments": {}}, number) for number in range(101, 104)]
    taken_back = [rpc("notifications/cancelled", {"requestId": each["id"]}, None) for each in asked]
    lines = [json.dumps(each).encode() + b"\n" for pair in zip(asked, taken_back, strict=True) for each in pair]
    faulty.send_bytes(b"".join(lines))
    status = faulty.wait_for_status(lambda status: status["calls"]["cancelled"] == len(asked))
    assert not busy(status)
    assert not faulty.call("get_file_info", path="README.md").get("isError")
    status = faulty.status()
    assert [row["pid"] for row in status["workers"]] == before
    assert status["pool"]["restarts_total"] == 0


def test_cancelling_a_waiting_call_costs_no_worker(patient: Any) -> None:
    running = [patient.start_call("sleep", seconds=1.0) for _ in range(3)]
    waiting = patient.start_call("sleep", seconds=1.0)
    patient.notify("notifications/cancelled", {"requestId": waiting})
    for call in running:
        assert patient.answer(call)["result"]["structuredContent"]["done"]
    assert patient.status()["pool"]["restarts_total"] == 0
    assert patient.status()["calls"]["cancelled"] == 1


def test_a_full_queue_refuses_at_once(start_server: Callable[..., Any], short_deadlines: dict[str, str]) -> None:
    server = start_server(faulty=True, **{**short_deadlines, **LONG}, FILEWARDEN_LIMITS_QUEUE="2")
    server.initialize()
    server.wait_until_ready()
    for _ in range(3):
        server.start_call("sleep", seconds=9.0)
    # Behind a call that has just begun another one would wait in its worker, and not in the queue.
    server.wait_for_status(lambda status: [row["busy_ms"] > 10 for row in busy(status)] == [True] * 3)
    for _ in range(2):
        server.start_call("sleep", seconds=0.1)
    start = time.monotonic()
    error = server.call("sleep")["structuredContent"]["error"]
    assert time.monotonic() - start < SLACK_S + BUSY_S
    assert error["code"] == "overloaded"
    assert error["retry_after_ms"] > 0
    assert server.status()["queue"]["rejected_total"] == 1


def test_scans_leave_workers_to_short_reads(patient: Any) -> None:
    for _ in range(3):
        patient.start_call("scan", seconds=12.0)
    start = time.monotonic()
    for _ in range(20):
        assert not patient.call("get_file_info", path="README.md").get("isError")
    assert time.monotonic() - start < 0.4 + BUSY_S
    assert len([row for row in patient.status()["workers"] if row["tool"] == "scan"]) == 1


def test_a_call_that_has_cost_two_workers_is_refused_and_others_are_not(faulty: Any) -> None:
    for _ in range(2):
        assert failure(faulty.call("die", number=int(signal.SIGSEGV))) == "worker_crashed"
        faulty.wait_for_status(lambda status: status["pool"]["ready"] == 3 and status["pool"]["spares"] == 1)
    result = faulty.call("die", number=int(signal.SIGSEGV))
    assert failure(result) == "overloaded"
    assert result["structuredContent"]["error"]["retry_after_ms"] > 0
    assert failure(faulty.call("die", number=int(signal.SIGABRT))) == "worker_crashed"
    assert not faulty.call("get_file_info", path="README.md").get("isError")


def test_a_call_whose_workers_are_killed_from_outside_is_not_to_blame(patient: Any) -> None:
    for _ in range(3):
        call = patient.start_call("sleep")
        row = running(patient)
        os.kill(row["pid"], signal.SIGKILL)
        assert failure(patient.answer(call)["result"]) == "worker_crashed"
        patient.wait_for_status(lambda status: status["pool"]["ready"] == 3 and status["pool"]["spares"] == 1)


def test_a_frozen_zygote_is_replaced(start_server: Callable[..., Any]) -> None:
    server = start_server(FILEWARDEN_POOL_START_TIMEOUT_S="0.7", FILEWARDEN_POOL_WORKERS="2")
    server.initialize()
    workers = [row["pid"] for row in server.wait_until_ready()["workers"]]
    zygote = int(Path(f"/proc/{workers[0]}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(zygote, signal.SIGSTOP)
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    server.wait_for_status(lambda status: status["workers"][0]["pid"] not in (*workers, None), 15)
    assert not server.call("list_directory").get("isError")
    server.wait_until_ready()


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_ten_thousand_calls_are_answered_once_each_while_workers_are_killed(
    faulty: Any, descendants: Callable[[int], set[int]]
) -> None:
    calls, window = 10_000, 24
    faulty.request("logging/setLevel", {"level": "emergency"})
    processes_before = len(descendants(faulty.pid))
    descriptors_before = len(os.listdir(f"/proc/{faulty.pid}/fd"))
    expected: dict[int, str] = {}
    outcomes: Counter[str] = Counter()
    names = ["README.md", "notes.txt", "src/main.py", "data/sample.json"]
    next_kill = time.monotonic()
    kills = 0
    for number in range(calls + window):
        if number < calls:
            name = names[number % len(names)]
            expected[faulty.start_call("get_file_info", path=name)] = name
        if number >= window:
            message = faulty.receive()
            name = expected.pop(message["id"])  # KeyError: answered twice, or never asked
            result = message["result"]
            if result.get("isError"):
                outcomes[failure(result)] += 1
            else:
                assert result["structuredContent"]["path"] == name
                outcomes["ok"] += 1
        if time.monotonic() >= next_kill:
            next_kill = time.monotonic() + 0.05
            workers = [row["pid"] for row in faulty.status()["workers"] if row["pid"] and row["state"] != "starting"]
            if workers:
                kills += 1
                with contextlib.suppress(ProcessLookupError):  # it has died of the time before, since it was told
                    os.kill(workers[kills % len(workers)], signal.SIGKILL)
    assert not expected
    assert outcomes["ok"] + outcomes["worker_crashed"] == calls
    assert kills >= 20
    assert outcomes["worker_crashed"] <= kills
    faulty.wait_for_status(lambda status: status["pool"]["ready"] == 3 and status["pool"]["spares"] == 1)
    assert len(descendants(faulty.pid)) == processes_before
    assert len(os.listdir(f"/proc/{faulty.pid}/fd")) <= descriptors_before + 2


@pytest.mark.parametrize(("level", "is_told"), [("warning", True), ("error", False)])
def test_a_client_that_listens_is_told_what_a_call_cost(faulty: Any, level: str, is_told: bool) -> None:
    assert faulty.request("logging/setLevel", {"level": level})["result"] == {}
    call = faulty.start_call("die", number=6)
    first = faulty.receive()
    if is_told:
        assert first["method"] == "notifications/message"
        assert first["params"]["level"] == "warning"
        assert first["params"]["data"].startswith("die: The worker ")
        first = faulty.receive()
    assert (first["id"], failure(first["result"])) == (call, "worker_crashed")
