"""A server on stdio, and its client."""

import contextlib
import json
import time
from collections.abc import Sequence
from typing import Any

from tests.drivers.messages import CLIENT, Json, rpc
from tests.drivers.process import ANSWER_TIMEOUT_S, EXIT_TIMEOUT_S, ServerProcess


class StdioServer(ServerProcess):
    """A server on stdio and its client."""

    is_stdio = True

    def __init__(self, arguments: Sequence[str], environ: dict[str, str], program: tuple[str, ...]) -> None:
        super().__init__(arguments, environ, program)
        self._answers: dict[Any, Json] = {}
        self._next_id = 0

    def send_bytes(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def send_line(self, line: bytes) -> None:
        self.send_bytes(line + b"\n")

    def send(self, method: str, params: Json | None = None) -> int:
        self._next_id += 1
        self.send_line(json.dumps(rpc(method, params, self._next_id)).encode())
        return self._next_id

    def notify(self, method: str, params: Json) -> None:
        self.send_line(json.dumps(rpc(method, params, None)).encode())

    def receive_line(self, timeout_s: float = ANSWER_TIMEOUT_S) -> bytes:
        line = self.lines.get(timeout=timeout_s)
        assert line is not None, f"the server ended: {self.errors}"
        return line

    def receive(self, timeout_s: float = ANSWER_TIMEOUT_S) -> Json:
        message: Json = json.loads(self.receive_line(timeout_s))
        return message

    def answer(self, request_id: int, timeout_s: float = ANSWER_TIMEOUT_S) -> Json:
        give_up_at = time.monotonic() + timeout_s
        while request_id not in self._answers:
            message = self.receive(max(0.01, give_up_at - time.monotonic()))
            if "id" not in message:
                continue  # a notification
            assert message["id"] not in self._answers, "answered twice"
            self._answers[message["id"]] = message
        return self._answers.pop(request_id)

    def request(self, method: str, params: Json | None = None) -> Json:
        return self.answer(self.send(method, params))

    def initialize(self, revision: str = "2025-06-18") -> Json:
        result: Json = self.request("initialize", {**CLIENT, "protocolVersion": revision})["result"]
        self.notify("notifications/initialized", {})
        return result

    def start_call(self, tool: str, /, **arguments: Any) -> int:
        return self.send("tools/call", {"name": tool, "arguments": arguments})

    def call(self, tool: str, /, **arguments: Any) -> Json:
        result: Json = self.answer(self.start_call(tool, **arguments))["result"]
        return result

    def wait_until_ready(self) -> Json:
        return self.wait_for_status(
            lambda status: (
                status["pool"]["ready"] == status["pool"]["size"] and status["pool"]["spares"] == self.expected_spares
            )
        )

    expected_spares = 1

    def finish(self) -> int:
        """Close the input as a client does; the exit status."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        return self.process.wait(EXIT_TIMEOUT_S)
