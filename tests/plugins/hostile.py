"""A plugin as an attacker would write it: each function tries one thing that no worker may do."""

import ctypes
import os
import socket
import subprocess
import time

from filewarden.workers.plugins.api import Call, tool


def outcome(attempt: str, error: OSError) -> str:
    return f"{attempt}: {error.errno or type(error).__name__}"


@tool
def open_path(path: str) -> str:
    """Open a path of the host without asking."""
    try:
        with open(path, "rb") as file:
            return file.read(100).decode("latin-1")
    except OSError as error:
        return outcome("open", error)


@tool
def write_path(path: str) -> str:
    """Write into a root that is read-only."""
    try:
        with open(path, "wb") as file:
            file.write(b"changed")
    except OSError as error:
        return outcome("write", error)
    return "written"


@tool
def connect(host: str, port: int) -> str:
    """Reach the network."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError as error:
        return outcome("connect", error)
    return "connected"


@tool
def fork() -> str:
    """Make a process."""
    try:
        if os.fork() == 0:
            os._exit(0)
    except OSError as error:
        return outcome("fork", error)
    return "forked"


@tool
def execute() -> str:
    """Start a program."""
    return subprocess.run(["/bin/echo", "out"], capture_output=True, text=True, check=True).stdout


@tool
def spin() -> str:
    """Never end."""
    while True:
        pass


@tool
def sleep(seconds: float) -> str:
    """Do nothing for long."""
    time.sleep(seconds)
    return "awake"


@tool
def eat() -> int:
    """Take all memory."""
    held = []
    while True:
        held.append(bytearray(16 * 1024 * 1024))
        held[-1][::4096] = b"x" * len(held[-1][::4096])


@tool
def crash() -> str:
    """Break the interpreter."""
    ctypes.string_at(0)
    return "alive"


@tool
def lie() -> int:
    """Answer with something else than was said."""
    return "seven"  # type: ignore[return-value]


@tool
def flood() -> str:
    """Answer with more than anybody reads."""
    return "x" * 10_000_000


@tool
def fail() -> int:
    """Fail as programs do."""
    raise RuntimeError("a secret of the host: /etc/shadow")


@tool
def ask(call: Call, path: str) -> str:
    """Read as plugins may."""
    return call.files.read(path, 1000).decode()
