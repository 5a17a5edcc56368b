"""Clients over HTTP that cost as little as possible: one connection each, one request under way, all in one loop.

Each opens a session of the revisions before 2026-07-28, which both servers under measurement speak, and then sends the
same request again as soon as it is answered.
"""

import re
import select
import socket
import time
from collections.abc import Mapping

import msgspec

from bench.connection import PATIENCE_S, Broken
from bench.http_server import HOST, HttpServer
from bench.peers import Question

READ_BYTES = 1 << 18
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_SESSION = re.compile(rb"\r\nmcp-session-id: *([^\r]+)", re.IGNORECASE)
HELLO = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "filewarden-bench", "version": "1"},
}


class HttpClient:
    """One client; `times` are the seconds of its answered requests."""

    def __init__(self, server: HttpServer) -> None:
        self.times: list[float] = []
        self._place = f"{HOST}:{server.port}"
        self._token = server.token
        self.socket = socket.create_connection((HOST, server.port), PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._session = b""
        self._answer = b""
        self._sent_s = 0.0
        self._request = b""

    def open(self, question: Question) -> None:
        """Begin a session and prepare the request that will be repeated."""
        self._exchange(self._post({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": HELLO}))
        found = _SESSION.search(self._answer)
        self._session = b"Mcp-Session-Id: " + found[1] + b"\r\n" if found else b""
        self._exchange(self._post({"jsonrpc": "2.0", "method": "notifications/initialized"}))
        self._request = self._post({"jsonrpc": "2.0", "id": 7, "method": question.method, "params": question.params})

    def begin(self) -> None:
        """Send the request."""
        self._answer = b""
        self._sent_s = time.perf_counter()
        self.socket.sendall(self._request)

    def receive(self) -> bool:
        """Take what has come; whether the answer is whole.

        Raises:
            Broken: the connection ended, or the answer is none.
        """
        chunk = self.socket.recv(READ_BYTES)
        if not chunk:
            raise Broken(f"a connection was closed before its answer: {self._answer[:200]!r}")
        self._answer += chunk
        if not _is_whole(self._answer):
            return False
        self.times.append(time.perf_counter() - self._sent_s)
        if not self._answer.startswith(b"HTTP/1.1 200") or b'"result"' not in self._answer:
            raise Broken(f"an answer is none: {self._answer[:300]!r}")
        if b'"isError":true' in self._answer:
            raise Broken(f"a call failed: {self._answer[-300:]!r}")
        return True

    def close(self) -> None:
        """Leave."""
        self.socket.close()

    def _exchange(self, request: bytes) -> None:
        self._answer = b""
        self.socket.sendall(request)
        while not _is_whole(self._answer):
            chunk = self.socket.recv(READ_BYTES)
            if not chunk:
                raise Broken("a connection was closed in the handshake")
            self._answer += chunk
        if not self._answer.startswith(b"HTTP/1.1 2"):
            raise Broken(f"the handshake was refused: {self._answer[:300]!r}")

    def _post(self, message: Mapping[str, object]) -> bytes:
        body = msgspec.json.encode(message)
        fields = [f"Host: {self._place}", "Accept: application/json, text/event-stream"]
        fields += ["Content-Type: application/json", f"Content-Length: {len(body)}", "MCP-Protocol-Version: 2025-06-18"]
        if self._token:
            fields.append(f"Authorization: Bearer {self._token}")
        head = "POST /mcp HTTP/1.1\r\n" + "\r\n".join(fields) + "\r\n"
        return head.encode() + self._session + b"\r\n" + body


def _is_whole(answer: bytes) -> bool:
    """A length that was told, or the last chunk of a stream (RFC 9112, 7.1)."""
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return False
    length = _LENGTH.search(answer, 0, end + 2)
    if length:
        return len(answer) - end - 4 >= int(length[1])
    if b"chunked" in answer[:end].lower():
        return answer.endswith(b"0\r\n\r\n")
    return True


def repeat(server: HttpServer, question: Question, clients: int, seconds: float) -> tuple[float, list[float]]:
    """So many clients for so long; answers a second, and the seconds of each.

    Raises:
        Broken: an answer is missing or wrong: none may be lost.
    """
    crowd = [HttpClient(server) for _ in range(clients)]
    poll = select.epoll()
    try:
        for client in crowd:
            client.open(question)
            poll.register(client.socket.fileno(), select.EPOLLIN)
        by_fd = {client.socket.fileno(): client for client in crowd}
        started = time.perf_counter()
        until = started + seconds
        for client in crowd:
            client.begin()
        under_way = len(crowd)
        while under_way:
            ready = poll.poll(PATIENCE_S)
            if not ready:
                raise Broken(f"{under_way} of {clients} clients had no answer within {PATIENCE_S:.0f} s")
            for fd, _ in ready:
                if not by_fd[fd].receive():
                    continue
                if time.perf_counter() < until:
                    by_fd[fd].begin()
                else:
                    under_way -= 1
        took = time.perf_counter() - started
    finally:
        poll.close()
        for client in crowd:
            client.close()
    times = [each for client in crowd for each in client.times]
    return len(times) / took, times
