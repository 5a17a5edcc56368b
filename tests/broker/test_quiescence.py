"""Idle workers are watched by their processor time: here each "worker" is a real process."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from filewarden.broker.lifecycle import State
from filewarden.broker.quiescence import LOOK_EVERY_S, Quiescence, processor_s
from filewarden.broker.worker import Worker

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the clocks of other processes are Linux's")

IdleWorker = Callable[[str], Worker]


@pytest.fixture
def idle_worker() -> Iterator[IdleWorker]:
    """A worker whose process runs some Python and then says so."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(program: str) -> Worker:
        process = subprocess.Popen(
            [sys.executable, "-S", "-c", f"print(flush=True)\n{program}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        processes.append(process)
        assert process.stdout is not None
        process.stdout.readline()
        worker = Worker(len(processes), "", 0.0)
        worker.pid = process.pid
        worker.state = State.IDLE
        return worker

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def test_one_that_burns_is_found_and_one_that_waits_is_not(idle_worker: IdleWorker) -> None:
    burning, waiting = idle_worker("while True: pass"), idle_worker("input()")
    quiescence = Quiescence()
    give_up_at = time.monotonic() + 20
    while not (found := quiescence.restless([burning, waiting], time.monotonic())):
        assert time.monotonic() < give_up_at
        os.sched_yield()
    assert found == [burning]


def test_what_it_does_during_a_call_is_not_held_against_it(idle_worker: IdleWorker) -> None:
    worker = idle_worker("while True: pass")
    assert worker.pid is not None
    quiescence = Quiescence()
    quiescence.restless([worker], 0.0)
    start_s = processor_s(worker.pid)
    assert start_s is not None
    while (processor_s(worker.pid) or 0) < start_s + 0.2:
        os.sched_yield()
    worker.calls_total += 1
    assert quiescence.restless([worker], LOOK_EVERY_S) == []


def test_a_look_too_soon_is_none(idle_worker: IdleWorker) -> None:
    worker = idle_worker("while True: pass")
    quiescence = Quiescence()
    quiescence.restless([worker], 0.0)
    for _ in range(1000):
        assert quiescence.restless([worker], LOOK_EVERY_S / 2) == []


def test_a_process_that_is_gone_has_no_time() -> None:
    process = subprocess.Popen([sys.executable, "-S", "-c", ""])
    process.wait()
    assert processor_s(process.pid) is None
