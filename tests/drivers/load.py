"""Clients of the modern era over HTTP that call without a pause, and keep count of whatever goes wrong."""

import http.client
import json
import threading
from collections.abc import Callable

from tests.drivers.http import HttpServer, Reply
from tests.drivers.messages import enveloped, routing

CLIENTS = 4
TIMEOUT_S = 30.0
"""A start takes long on a machine that is busy with other tests."""


class Load:
    """Each client has one connection. Where the server says that it closes one, and only there, it opens another."""

    def __init__(self, server: HttpServer) -> None:
        body = enveloped("tools/call", {"name": "read_file", "arguments": {"path": "README.md"}})
        self.answered = 0
        self.connections = 0
        self.failures: list[str] = []
        self._request = json.dumps(body).encode()
        self._headers = server.headers(body, routing(body))
        self._port = server.port
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._work) for _ in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def _work(self) -> None:
        while not self._is_over.is_set() and not self.failures:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=TIMEOUT_S)
            try:
                connection.connect()
                connection.auto_open = 0
                self.connections += 1
                self._call(connection)
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.failures.append(repr(error))
            finally:
                connection.close()

    def _call(self, connection: http.client.HTTPConnection) -> None:
        while not self._is_over.is_set():
            connection.request("POST", "/mcp", self._request, self._headers)
            response = connection.getresponse()
            is_last = response.will_close
            reply = Reply(response)
            result = reply.json.get("result", {}) if reply.status == 200 else {}
            if result.get("isError") or not result.get("content"):
                self.failures.append(f"{reply.status} {reply.body!r}")
            self.answered += 1
            if is_last:
                return

    def wait_for(self, is_enough: Callable[[], bool]) -> None:
        """Go on until it is, or something has failed."""
        pause = threading.Event()
        while not self.failures and not is_enough():
            pause.wait(0.01)

    def wait_for_more(self, calls: int) -> None:
        """Go on until so many more were answered, or one has failed."""
        enough = self.answered + calls
        self.wait_for(lambda: self.answered >= enough)

    def end(self) -> list[str]:
        """Stop; what has failed."""
        self._is_over.set()
        for thread in self._threads:
            thread.join(TIMEOUT_S)
        return self.failures
