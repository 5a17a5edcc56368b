"""Ends servers with whoever started them, also where that is killed: an orphan falsifies every later measurement.

A process of its own is told of each server, and learns by the end of a pipe that whoever tells it is gone. The kernel's
own way (PR_SET_PDEATHSIG) will not do: a server that gives its rights up loses it, and it goes by the starting thread.
"""

import atexit
import contextlib
import functools
import os
import select
import signal
import subprocess
import sys


def tie(pid: int) -> None:
    """Kill that process once this one is gone."""
    pipe = _watcher().stdin
    assert pipe is not None
    os.write(pipe.fileno(), b"%d\n" % pid)


@functools.cache
def _watcher() -> "subprocess.Popen[bytes]":
    """In a session of its own, so that what is sent to our group does not end it."""
    command = [sys.executable, "-I", "-S", __file__]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True)
    atexit.register(process.communicate)
    return process


def _watch(pipe: int) -> None:
    """Take the ids of processes until the pipe ends, then kill those that are left."""
    living = select.poll()
    living.register(pipe, select.POLLIN)
    watched: set[int] = set()
    begun = b""
    while True:
        for fd, _ in living.poll():
            if fd != pipe:
                living.unregister(fd)
                watched.remove(fd)
                os.close(fd)
                continue
            told = os.read(pipe, 4096)
            if not told:
                _kill(watched)
                return
            *pids, begun = (begun + told).split(b"\n")
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    watched.add(one := os.pidfd_open(int(pid)))  # another process of that id is not meant
                    living.register(one, select.POLLIN)


def _kill(watched: set[int]) -> None:
    for fd in watched:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(fd, signal.SIGKILL)


if __name__ == "__main__":
    _watch(sys.stdin.fileno())
