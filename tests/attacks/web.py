"""Attacks on Streamable HTTP."""

import http.client
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.attacks.attacker import TIMEOUT_S, Attacker
from tests.drivers.http import HttpServer, Reply
from tests.drivers.messages import CLIENT, Json

MOST_AT_ONCE = 48


class WebAttacker(Attacker, HttpServer):
    """An attacker over HTTP, with a session of its own."""

    kind = "http"
    timeout_s = TIMEOUT_S

    def __init__(self, arguments: tuple[str, ...], environ: dict[str, str], program: tuple[str, ...]) -> None:
        super().__init__(arguments, environ, program)
        self.session = ""
        self.last_status = 0

    def open(self) -> None:
        self.wait_until_listening()
        status, headers, _ = self.exchange(self.frame("initialize", CLIENT))
        assert status == 200
        self.session = headers["Mcp-Session-Id"]
        self.last_status = status

    def headers(self, body: object, given: dict[str, str], *, auth: bool = True) -> dict[str, str]:
        return super().headers(body, {"mcp-session-id": self.session, **given}, auth=auth)

    def request(self, method: str, path: str, body: Any = None, **more: Any) -> Reply:
        reply = super().request(method, path, body, **more)
        asked = body if isinstance(body, bytes) else path.encode()
        self.traffic.extend((asked, text) for text in reply.texts or [b""])
        return reply

    def exchange(
        self, body: bytes | None, method: str = "POST", path: str = "/mcp", **fields: str
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """One request on a connection of its own; of a stream the answer, which comes last."""
        reply = self.request(method, path, body, **fields)
        return reply.status, reply.headers, reply.texts[-1]

    def send_bytes(self, data: bytes, timeout_s: float = 5.0) -> bytes:
        """Send bytes as they are; what comes back until the server closes, or falls silent."""
        parts = super().send_bytes(data, timeout_s)
        body = parts.rpartition(b"\r\n\r\n")[2]
        self.traffic.append((data, body if body.startswith((b"{", b"[")) else b""))
        assert b"Traceback" not in parts
        return parts

    def status(self) -> Json:
        return self.control_status()

    def raw(self, frame: bytes, answers: int = 1) -> list[Json]:
        self.last_status, _, body = self.exchange(frame)
        found = json.loads(body) if body else []
        messages = found if isinstance(found, list) else [found]
        assert len(messages) >= answers, messages
        return messages

    def many(self, calls: list[tuple[str, Json]]) -> list[Json]:
        frames = [self.frame("tools/call", {"name": tool, "arguments": arguments}) for tool, arguments in calls]
        with ThreadPoolExecutor(min(len(frames), MOST_AT_ONCE)) as pool:
            return [messages[0] for messages in pool.map(self.raw, frames)]
