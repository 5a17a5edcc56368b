"""Attacks on standard input and output."""

import json
from collections import Counter
from typing import Any

from tests.attacks.attacker import TIMEOUT_S, Attacker
from tests.drivers.messages import CLIENT, Json
from tests.drivers.stdio import StdioServer


class PipeAttacker(Attacker, StdioServer):
    """An attacker on stdio, who counts how often each id was answered."""

    kind = "stdio"

    def __init__(self, arguments: tuple[str, ...], environ: dict[str, str], program: tuple[str, ...]) -> None:
        super().__init__(arguments, environ, program)
        self.answered: Counter[str] = Counter()

    def open(self) -> None:
        self.raw(self.frame("initialize", CLIENT))
        self.notify("notifications/initialized", {})

    def receive_line(self, timeout_s: float = TIMEOUT_S) -> bytes:
        line = super().receive_line(timeout_s)
        self.traffic.append((b"", line))
        return line

    def receive(self, timeout_s: float = TIMEOUT_S) -> Any:
        """The next answer, or batch of them; what the server tells on its own is looked at with the rest."""
        while isinstance(message := json.loads(self.receive_line(timeout_s)), dict) and (
            "method" in message and "id" not in message
        ):
            pass
        for each in message if isinstance(message, list) else [message]:
            self.answered[json.dumps(each.get("id"))] += 1
        return message

    def raw(self, frame: bytes, answers: int = 1) -> list[Json]:
        """Send a frame and, once it is answered, a barrier: nothing more may come before the barrier's answer."""
        self.next_id += 1
        barrier = f"barrier-{self.next_id}"
        self.traffic.append((frame, b""))
        self.send_line(frame)
        found = [self.receive() for _ in range(answers)]
        self.send_line(self.frame("ping", {}, barrier))
        while isinstance(message := self.receive(), list) or message.get("id") != barrier:
            found.append(message)
        assert len(found) == answers, found
        return [message for each in found for message in (each if isinstance(each, list) else [each])]

    def many(self, calls: list[tuple[str, Json]]) -> list[Json]:
        ids = []
        for tool, arguments in calls:
            frame = self.frame("tools/call", {"name": tool, "arguments": arguments})
            ids.append(self.next_id)
            self.traffic.append((frame, b""))
            self.send_line(frame)
        found: dict[int, Json] = {}
        while len(found) < len(ids):
            message = self.receive()
            assert isinstance(message, dict)
            assert message["id"] in ids
            assert message["id"] not in found
            found[message["id"]] = message
        return [found[each] for each in ids]
