"""A real server process, whatever it speaks."""

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.drivers.messages import Json
from tests.drivers.tether import tie

PRODUCT = ("-c", "from filewarden.transports.cli import main; raise SystemExit(main())")
FAULTY = (str(Path(__file__).parents[1] / "end_to_end" / "faulty" / "server.py"),)
ANSWER_TIMEOUT_S = 20.0
EXIT_TIMEOUT_S = 20.0
LISTENS = "Filewarden listens on http://"


@contextlib.contextmanager
def ending(process: "subprocess.Popen[bytes]") -> Iterator["subprocess.Popen[bytes]"]:
    """A process that is gone afterwards, also where it should have ended by itself and has not."""
    with process:
        try:
            yield process
        finally:
            process.kill()


class ServerProcess:
    """A real server process, what it says on standard error, and what the operator sees of it.

    The clients of every transport in the tests are made on top of it.
    """

    is_stdio = False
    """Whether its standard input is ours."""

    def __init__(
        self,
        arguments: Sequence[str],
        environ: dict[str, str],
        program: tuple[str, ...],
        *,
        descriptors: Sequence[int] = (),
    ) -> None:
        """`descriptors` are open in it too, by the same numbers."""
        self.environ = environ
        self.lines: queue.Queue[bytes | None] = queue.Queue()
        """What came on standard output; None is its end."""
        self.errors_seen: list[bytes] = []
        self.is_listening = threading.Event()
        """Set too when it will never listen."""
        self.process = subprocess.Popen(
            [sys.executable, *program, "serve", *arguments],
            stdin=subprocess.PIPE if self.is_stdio else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environ,
            pass_fds=descriptors,
        )
        tie(self.process.pid)
        self._readers = [threading.Thread(target=read, daemon=True) for read in (self._read_lines, self._read_errors)]
        for reader in self._readers:
            reader.start()

    def _read_lines(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.errors_seen.append(line)
            if LISTENS.encode() in line:  # by itself, or in a line of JSON
                self.is_listening.set()
        self.is_listening.set()

    @property
    def errors(self) -> str:
        return b"".join(self.errors_seen).decode()

    @property
    def pid(self) -> int:
        return self.process.pid

    def announced(self, start: str) -> str:
        """What follows `start` on its line of standard error, which may be a line of JSON."""
        for line in self.errors.splitlines():
            said = json.loads(line)["message"] if line.startswith("{") else line
            if said.startswith(start):
                return str(said.removeprefix(start).strip())
        raise LookupError(start)

    @property
    def port(self) -> int:
        return int(self.announced(LISTENS).rpartition("/")[0].rpartition(":")[2])

    def control_status(self) -> Json:
        """The status as `filewarden status` gets it."""
        from filewarden.config.folders import runtime_folder
        from filewarden.transports.local_socket import query

        path = os.path.join(runtime_folder(self.environ, os.geteuid()), f"{self.pid}.sock")
        document: Json = json.loads(query(path, ANSWER_TIMEOUT_S))
        return document

    def status(self) -> Json:
        """The status by whatever way a client of this transport asks for it."""
        return self.control_status()

    def wait_for_status(self, condition: Callable[[Json], bool], timeout_s: float = 30.0) -> Json:
        """The first status that fulfils `condition`."""
        give_up_at = time.monotonic() + timeout_s
        while True:
            with contextlib.suppress(OSError):
                status = self.status()
                if condition(status):
                    return status
            assert time.monotonic() < give_up_at, f"never seen: {self.errors}"
            threading.Event().wait(0.02)

    def wait_for_error(self, text: str) -> None:
        """Wait until it has said so on standard error, which a thread of its own reads."""
        give_up_at = time.monotonic() + ANSWER_TIMEOUT_S
        while text not in self.errors:
            assert time.monotonic() < give_up_at, self.errors
            threading.Event().wait(0.02)

    def kill(self) -> None:
        """End it, however it is, and keep what it said."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(EXIT_TIMEOUT_S)
        for reader in self._readers:
            reader.join(EXIT_TIMEOUT_S)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
