"""The servers that the suites are run against: the fixture server and the product, each on a port of its own."""

import contextlib
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.drivers.tether import tie

READY_S = 30.0
EXIT_S = 20.0
SESSIONS = "1000"
"""The suites open a session for nearly every check and seldom end one."""

PRODUCT = ("-c", "from filewarden.transports.cli import main; raise SystemExit(main())")
FIXTURE = (str(Path(__file__).parent / "fixture" / "server.py"),)
PEERS: Mapping[str, Sequence[str]] = {"fixture": FIXTURE, "product": PRODUCT}

_LISTENS = re.compile(r"^Filewarden listens on (\S+)$")


class StartError(Exception):
    """A server did not come up; the message is what it said."""


def serve_arguments(root: str, port: int) -> list[str]:
    """The command line of a server for the suites, which bring no credentials."""
    return [root, "--http", "--port", str(port), "--auth", "none"]


def serve_environment(state: str) -> dict[str, str]:
    """What it may know of the machine: nothing of the user's own settings."""
    return {
        "HOME": state,
        "PATH": os.environ.get("PATH", os.defpath),
        "XDG_STATE_HOME": state,
        "FILEWARDEN_HTTP_MAX_SESSIONS": SESSIONS,
    }


@contextlib.contextmanager
def running(program: Sequence[str], root: str, state: str) -> Iterator[str]:
    """A server while the block runs; gives the address of its endpoint.

    Raises:
        StartError: it ended, or did not listen within 30 s.
    """
    process = subprocess.Popen(
        [sys.executable, *program, "serve", *serve_arguments(root, 0)],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=serve_environment(state),
    )
    tie(process.pid)
    errors = _Errors(process)
    try:
        yield errors.wait_for_address()
    finally:
        process.terminate()
        try:
            process.wait(EXIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        errors.close()


class _Errors:
    """What a server writes on standard error, read as it comes."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stderr is not None
        self._stream = process.stderr
        self._lines: list[str] = []
        self._address: str | None = None
        self._is_decided = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for line in self._stream:
            self._lines.append(line)
            if found := _LISTENS.match(line.rstrip()):
                self._address = found[1]
                self._is_decided.set()
        self._is_decided.set()

    def wait_for_address(self) -> str:
        self._is_decided.wait(READY_S)
        if self._address is None:
            raise StartError(f"the server did not start: {''.join(self._lines)[-2000:]}")
        return self._address

    def close(self) -> None:
        self._thread.join(EXIT_S)
        self._stream.close()
