"""What a test has started does not outlive it."""

import os
import select
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STARTER = """
    import subprocess, sys, time
    from tests.drivers.tether import tie
    loose, tied = (subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"]) for _ in range(2))
    tie(tied.pid)
    loose.kill()
    loose.wait()
    tie(loose.pid)
    print(tied.pid, flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_process_that_is_tied_ends_with_whoever_started_it(number: int) -> None:
    command = [sys.executable, "-c", textwrap.dedent(STARTER)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    ) as starter:
        assert starter.stdout is not None
        tied = os.pidfd_open(int(starter.stdout.readline()))
        try:
            assert not select.select([tied], [], [], 0)[0]
            starter.send_signal(number)
            assert select.select([tied], [], [], 20)[0]
        finally:
            starter.kill()
            os.close(tied)
