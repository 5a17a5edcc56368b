"""Starts servers one after another, signals each so long after it began to catch signals, and tells what became of it.

usage: keeper.py SECONDS[,SECONDS...] COMMAND [...]

Writes a JSON array of `[seconds, signal, exit status, processes left]`. A process whose parent died falls to this one
(PR_SET_CHILD_SUBREAPER), so that none can be missed, whenever it was started.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time

PR_SET_CHILD_SUBREAPER = 36
PATIENCE_S = 30.0
LAST_DEATHS_S = 10.0
NUMBERS = (signal.SIGTERM, signal.SIGINT)


def children_of(pid: int) -> int:
    with open(f"/proc/{pid}/task/{pid}/children") as children:
        return len(children.read().split())


def wait_until_caught(pid: int) -> None:
    give_up_at = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up_at:
        has_started_others = children_of(pid) > 0
        with open(f"/proc/{pid}/status") as facts:
            caught = next(int(line.split()[1], 16) for line in facts if line.startswith("SigCgt:"))
        if caught >> (signal.SIGTERM - 1) & 1:
            return
        if has_started_others:
            raise SystemExit("the server has started a process before it catches SIGTERM")
        time.sleep(0.0005)
    raise SystemExit("the server never caught SIGTERM")


def processes_left() -> int:
    """How many there are after a moment."""
    give_up_at = time.monotonic() + LAST_DEATHS_S
    while time.monotonic() < give_up_at:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.005)
        except ChildProcessError:
            return 0
    return children_of(os.getpid())


def signalled(command: list[str], seconds: float, number: int) -> int:
    """The exit status of a server that was signalled so early."""
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            wait_until_caught(server.pid)
            time.sleep(seconds)
            server.send_signal(number)
            return server.wait(PATIENCE_S)
        finally:
            server.kill()


if __name__ == "__main__":
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    found = []
    for at, seconds in enumerate(float(each) for each in sys.argv[1].split(",")):
        number = NUMBERS[at % len(NUMBERS)]
        status = signalled(sys.argv[2:], seconds, number)
        found.append([seconds, int(number), status, processes_left()])
    sys.stdout.write(json.dumps(found))
