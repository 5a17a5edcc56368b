"""What the front-end does when the system has nothing left for it, and when the system's clock lies."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.drivers.busy import BUSY_S

pytestmark = pytest.mark.integration
FAULTY = Path(__file__).parent / "faulty"


def test_without_descriptors_workers_are_not_replaced_and_the_server_lives(
    start_server: Callable[..., Any], short_deadlines: dict[str, str]
) -> None:
    server = start_server(program=(str(FAULTY / "few_descriptors.py"),), **short_deadlines)
    server.initialize()
    first, second = [row["pid"] for row in server.wait_until_ready()["workers"]][:2]
    server.process.send_signal(signal.SIGUSR1)
    try:
        for pid in (first, second):
            os.kill(pid, signal.SIGKILL)
        server.wait_for_error("Too many open files")
        for _ in range(20):
            assert not server.call("get_file_info", path="README.md").get("isError")
    finally:
        server.process.send_signal(signal.SIGUSR2)
    server.wait_until_ready()
    assert server.process.poll() is None


def test_a_log_that_cannot_be_written_stops_nothing(start_server: Callable[..., Any]) -> None:
    server = start_server("--log-level", "debug", FILEWARDEN_LOG_FILE="/dev/full")
    server.initialize()
    for _ in range(20):
        assert not server.call("list_directory").get("isError")
    assert server.finish() == 0


def test_q17_a_wall_clock_that_jumps_changes_no_deadline(start_server: Callable[..., Any]) -> None:
    program = (str(FAULTY / "jumping_clock.py"),)
    server = start_server(program=program, FILEWARDEN_DEADLINES_READ_S="0.6", FILEWARDEN_POOL_WORKERS="3")
    server.initialize()
    server.wait_until_ready()
    calls = [server.start_call("sleep", seconds=0.3 + number / 100) for number in range(3)]
    assert all(server.answer(call)["result"]["structuredContent"]["done"] for call in calls)
    start = time.monotonic()
    result = server.call("sleep", seconds=30.0)
    assert result["structuredContent"]["error"]["code"] == "timeout"
    assert 0.6 <= time.monotonic() - start < 0.85 + 0.25 + BUSY_S
    assert server.status()["uptime_s"] < 60


@pytest.mark.parametrize("arguments", [(), ("--http", "--port", "0", "--host", "127.0.0.1")])
def test_starting_asks_no_name_server(start_server: Callable[..., Any], arguments: tuple[str, ...]) -> None:
    program = (str(FAULTY / "no_names.py"),)
    server = start_server(*arguments, program=program)
    if arguments:
        server.wait_for_error("Filewarden listens on")
    else:
        server.initialize()
        assert not server.call("list_directory").get("isError")
    assert "asked for a name" not in server.errors
