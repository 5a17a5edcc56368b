"""Slices of processor time: nothing else of a thread's scheduling changes with them."""

import os
import subprocess
import sys

import pytest

from filewarden.workers.slices import ANSWERING_S, SCANNING_S, set_slice
from tests.drivers.slices import attributes_of


@pytest.fixture
def nice_process() -> "subprocess.Popen[bytes]":
    command = (sys.executable, "-c", "import os; os.nice(7); os.write(1, b'.'); os.read(0, 1)")
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.read(1) == b"."
    return process


@pytest.mark.parametrize("policy", [os.SCHED_OTHER, os.SCHED_BATCH, os.SCHED_IDLE])
def test_a_slice_leaves_policy_and_niceness_alone(nice_process: "subprocess.Popen[bytes]", policy: int) -> None:
    with nice_process as process:
        os.sched_setscheduler(process.pid, policy, os.sched_param(0))
        before = attributes_of(process.pid)
        for seconds in (ANSWERING_S, SCANNING_S):
            set_slice(process.pid, seconds)
            found = attributes_of(process.pid)
            assert found[:2] == before[:2] == (policy, min(19, os.nice(0) + 7))
            is_taken = before[2] and policy != os.SCHED_IDLE  # by kernels that have slices
            assert found[2] == (seconds if is_taken else before[2])


def test_whoever_is_gone_needs_none(nice_process: "subprocess.Popen[bytes]") -> None:
    with nice_process as process:
        process.kill()
    set_slice(process.pid, SCANNING_S)


def test_what_answers_has_less_than_anybody_else_and_what_scans_has_more() -> None:
    """The kernel's default is 0.7 ms on one processor and 2.8 at most; it takes 0.1 to 100 ms."""
    assert 0.0001 <= ANSWERING_S < 0.0007
    assert 0.0028 < SCANNING_S <= 0.1
