"""What the front-end can still do once it has confined itself, tried from inside a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = """
import json, os, socket, sys, threading
import zmq, psutil
from filewarden.broker.log import Log
from filewarden.transports.confinement import confine_front_end

root, endpoints, outside = sys.argv[1:]
held = confine_front_end([root], endpoints, Log(2))
found = {"held": held}

def attempt(name, action):
    try:
        action()
        found[name] = "done"
    except OSError as error:
        found[name] = type(error).__name__

def bind():
    context = zmq.Context()
    server = context.socket(zmq.PAIR)
    server.bind("ipc://" + endpoints + "/e")
    os.unlink(endpoints + "/e")
    server.close()
    context.term()

def thread():
    started = threading.Thread(target=lambda: None)
    started.start()
    started.join()

attempt("read root", lambda: open(root + "/README.md").read())
attempt("list root", lambda: os.listdir(root))
attempt("write root", lambda: open(root + "/new.txt", "w"))
attempt("read outside", lambda: open(outside).read())
attempt("exec", lambda: os.execv("/bin/true", ["true"]))
attempt("spawn", lambda: os.posix_spawn("/bin/true", ["true"], {}))
attempt("fork", os.fork)
attempt("connect", lambda: socket.create_connection(("127.0.0.1", 9), 1))
attempt("proc", lambda: open("/proc/self/statm").read())
attempt("null", lambda: open(os.devnull, "r+b", buffering=0).write(b"x"))
attempt("endpoint", bind)
attempt("thread", thread)
attempt("signal", lambda: os.kill(os.getppid(), 0))
print(json.dumps(found))
"""


@pytest.fixture
def attempts(tree: Path, tmp_path: Path) -> dict[str, Any]:
    endpoints = Path("/tmp") / f"fw-test-{os.urandom(4).hex()}"  # short: a socket's path has 107 bytes
    endpoints.mkdir(mode=0o700)
    outside = tmp_path / "outside.txt"
    outside.write_text("canary")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tree), str(endpoints), str(outside)],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    endpoints.rmdir()
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_front_end_keeps_what_serving_takes_and_nothing_else(attempts: dict[str, Any]) -> None:
    assert attempts == {
        "held": True,
        "read root": "PermissionError",
        "list root": "PermissionError",
        "write root": "PermissionError",
        "read outside": "PermissionError",
        "exec": "PermissionError",
        "spawn": "PermissionError",
        "fork": "PermissionError",
        "connect": "PermissionError",
        "proc": "done",
        "null": "done",
        "endpoint": "done",
        "thread": "done",
        "signal": "done",
    }
