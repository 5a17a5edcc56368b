"""The wire to a server over standard input and output: one JSON message a line."""

import contextlib
import queue
import subprocess
import threading
import time
from typing import IO

from filewarden.transports.demo.client import PATIENCE_S, answered
from filewarden.transports.demo.facts import DemoFailure, Facts


class PipeWire:
    """Speaks to the server that `process` is."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdin is None or process.stdout is None:
            raise DemoFailure("the server was started without pipes")
        self._stdin = process.stdin
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        # A thread, because Windows cannot wait for a pipe and a socket alike.
        threading.Thread(target=_pump, args=(process.stdout, self._lines), daemon=True).start()

    def exchange(self, message: bytes, ident: int) -> Facts:
        """Send a request and return its response."""
        self.tell(message)
        give_up = time.monotonic() + PATIENCE_S
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, give_up - time.monotonic()))
            except queue.Empty:
                raise DemoFailure(f"no answer on standard output within {PATIENCE_S:.0f} s") from None
            if not line:
                raise DemoFailure("the server closed its standard output")
            response = Facts.decode(line, "a line from the server")
            if answered(response, ident):
                return response

    def tell(self, message: bytes) -> None:
        """Send a message that has no answer."""
        try:
            self._stdin.write(message + b"\n")
            self._stdin.flush()
        except OSError as error:
            raise DemoFailure(f"the server does not read its standard input: {error.strerror}") from None

    def close(self) -> None:
        """End of input, which ends the server."""
        with contextlib.suppress(BrokenPipeError):  # it is gone already, which is what closing asks for
            self._stdin.close()


def _pump(source: IO[bytes], lines: "queue.SimpleQueue[bytes]") -> None:
    for line in source:
        lines.put(line)
    lines.put(b"")
