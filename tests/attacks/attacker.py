"""A server, somebody who attacks it over its wire, and what went over that wire last."""

import json
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from pathlib import Path
from typing import Any

import psutil

from filewarden.broker.audit_verification import Verifier
from tests.drivers.messages import Json, rpc
from tests.drivers.process import ServerProcess

TIMEOUT_S = 30.0
WATCHER_PROCESSES = 3
EQUAL_LOOKS = 10
MOST_TRAFFIC = 4000
"""How much of the traffic is kept for the invariants: long races look at their own answers."""


class Attacker(ServerProcess, ABC):
    """What attackers of every transport do; the client of a transport, as a second parent, makes one whole."""

    kind = ""

    def __init__(self, arguments: tuple[str, ...], environ: dict[str, str], program: tuple[str, ...]) -> None:
        super().__init__(arguments, environ, program)
        self.traffic: deque[tuple[bytes, bytes]] = deque(maxlen=MOST_TRAFFIC)
        self.next_id = 1000
        self.audit = Path(environ["FILEWARDEN_AUDIT_FILE"])
        self._verifier = Verifier()
        self._verified_bytes = 0

    def new_audit_lines(self) -> list[bytes]:
        """What came to the audit log since the last look, once every call is in it that was answered; it is whole."""
        answered = self.status()["calls"]["total"]
        self.wait_for_status(lambda status: status["audit"]["lines_total"] > answered)  # the first line is no call's
        with self.audit.open("rb") as file:
            file.seek(self._verified_bytes)
            data = file.read()
        end = data.rfind(b"\n") + 1  # the server may be writing
        self._verified_bytes += end
        lines = data[:end].splitlines(keepends=True)
        assert self._verifier.read(lines).fault is None
        return lines

    @abstractmethod
    def open(self) -> None:
        """Begin as a client does."""

    @abstractmethod
    def raw(self, frame: bytes, answers: int = 1) -> list[Json]:
        """Send a frame as it is; everything that comes back, and that it is not more than so many answers."""

    @abstractmethod
    def many(self, calls: list[tuple[str, Json]]) -> list[Json]:
        """Make calls at the same time; their messages in the order of the calls."""

    def frame(self, method: str, params: object, request_id: object = None) -> bytes:
        if request_id is None:
            self.next_id += 1
            request_id = self.next_id
        return json.dumps({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}).encode()

    def ask(self, method: str, params: object = None) -> Json:
        """Make a request; the message that answers it."""
        return self.raw(self.frame(method, params or {}))[0]

    def notify(self, method: str, params: Json) -> None:
        self.raw(json.dumps(rpc(method, params, None)).encode(), answers=0)

    def call(self, tool: str, /, **arguments: Any) -> Json:
        message = self.ask("tools/call", {"name": tool, "arguments": arguments})
        assert "result" in message, message
        result: Json = message["result"]
        return result

    def code(self, tool: str, /, **arguments: Any) -> str:
        """`ok`, or how the call failed."""
        return code_of(self.call(tool, **arguments))

    def data(self, tool: str, /, **arguments: Any) -> Any:
        result = self.call(tool, **arguments)
        assert not result.get("isError"), result
        return json.loads(result["content"][0]["text"])

    def text(self, path: str, **arguments: Any) -> str:
        result = self.call("read_file", path=path, **arguments)
        assert not result.get("isError"), result
        text: str = result["content"][0]["text"]
        return text

    def aim(self, path: str) -> dict[str, str]:
        """How every tool that takes a path ends with this one."""
        found = {tool: self.code(tool, path=path) for tool in ("list_directory", "read_file", "get_file_info")}
        found["search_files"] = self.code("search_files", path=path, pattern="*")
        found["search_files **"] = self.code("search_files", path=path, pattern="**/*", respect_gitignore=False)
        found["search_text"] = self.code("search_text", path=path, pattern="no such text")
        found["directory_tree"] = self.code("directory_tree", path=path)
        found["read_multiple_files"] = self.code_of_several(path)
        media = self.code("read_media_file", path=path)
        # A file that can be read is mostly no picture, and that is as good as one.
        found["read_media_file"] = "ok" if found["read_file"] == "ok" and media == "unsupported" else media
        return found

    def code_of_several(self, path: str) -> str:
        """How `read_multiple_files` ends with this path; a call that is refused as a whole counts too."""
        result = self.call("read_multiple_files", paths=[path])
        if result.get("isError"):
            return code_of(result)
        (file,) = result["_meta"]["io.filewarden/read_multiple_files"]["files"]
        return str(file["error"]["code"]) if "error" in file else "ok"

    def settle(self) -> None:
        """Wait until all workers and spares are ready, and have been used."""
        self.wait_for_status(
            lambda status: status["pool"]["ready"] == status["pool"]["size"] and status["pool"]["spares"]
        )
        self.many([("read_file", {"path": "small.txt"})] * 8)

    def start_watcher(self) -> None:
        """Ask for what is watched from then on: its process, with the two that start it, is not left of any row."""
        processes = self.census()[0]
        self.ask("resources/list")
        give_up_at = time.monotonic() + TIMEOUT_S
        seen: deque[tuple[int, int]] = deque(maxlen=EQUAL_LOOKS)
        while seen.count((processes + WATCHER_PROCESSES, self.census()[1])) < EQUAL_LOOKS:
            assert time.monotonic() < give_up_at, f"no watcher came up: {seen}"
            threading.Event().wait(0.03)
            seen.append(self.census())

    def census(self) -> tuple[int, int]:
        """How many processes there are, and how many descriptors the front-end has open (-1: not ours to see)."""
        front_end = psutil.Process(self.pid)
        try:
            descriptors = front_end.num_fds()
        except psutil.AccessDenied:
            descriptors = -1
        return len(front_end.children(recursive=True)), descriptors

    def memory_mb(self) -> float:
        size: int = psutil.Process(self.pid).memory_info().rss
        return size / 1024 / 1024


def code_of(result: Json) -> str:
    """`ok`, or how a call failed: by its structured error, or by the number of the protocol's."""
    if "error" in result:
        return str(result["error"]["code"])
    result = result.get("result", result)
    return str(result["structuredContent"]["error"]["code"]) if result.get("isError") else "ok"
