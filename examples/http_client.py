#!/usr/bin/env python3
"""A small client for Filewarden over HTTP with server-sent events, on the standard library alone: a start for your own.

    filewarden serve ~/project --http
    python examples/http_client.py --token-file ~/.local/state/filewarden/token
    python examples/http_client.py --token-file ~/.local/state/filewarden/token --clients 5

A client opens one event stream, learns its `client_id` from the first event, posts its messages to
`/message?client_id=...`, and reads the answers from the stream.
"""

import argparse
import json
import os
import queue
import socket
import sys
import threading
import urllib.request
from pathlib import Path
from typing import Any

STATE_HOME = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
DEFAULT_TOKEN_FILE = os.path.join(STATE_HOME, "filewarden", "token")


class Client:
    """One conversation. Every wait ends after `timeout_s` seconds."""

    def __init__(self, url: str, token: str | None, timeout_s: float = 30.0) -> None:
        self._url = url.rstrip("/")
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._timeout_s = timeout_s
        self._events: queue.Queue[tuple[str, str]] = queue.Queue()
        self._last_id = 0
        request = urllib.request.Request(f"{self._url}/sse", headers=self._headers)  # noqa: S310 - the URL is the user's own
        self._stream = urllib.request.urlopen(request, timeout=timeout_s)  # noqa: S310
        threading.Thread(target=self._read_events, daemon=True).start()
        self.id: str = json.loads(self._next_event("connected"))["client_id"]

    def _read_events(self) -> None:
        name, data = "message", ""
        try:
            for raw in self._stream:
                line = raw.decode().rstrip("\r\n")
                if line.startswith("event:"):
                    name = line.removeprefix("event:").strip()
                elif line.startswith("data:"):
                    data = line.removeprefix("data:").strip()
                elif not line and data:
                    self._events.put((name, data))
                    name, data = "message", ""
        except (OSError, ValueError, AttributeError):
            pass  # closed, by us or by the server
        self._stream.close()
        self._events.put(("closed", ""))

    def _next_event(self, wanted: str) -> str:
        """The data of the next event of that name; pings in between are skipped."""
        while True:
            name, data = self._events.get(timeout=self._timeout_s)
            if name == wanted:
                return data
            if name == "closed":
                raise ConnectionError("the server closed the stream")

    def _post(self, message: dict[str, Any]) -> None:
        request = urllib.request.Request(  # noqa: S310
            f"{self._url}/message?client_id={self.id}",
            data=json.dumps(message).encode(),
            headers={**self._headers, "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=self._timeout_s) as answer:  # noqa: S310
            if answer.status != 202:
                raise ConnectionError(f"the server answered {answer.status}")

    def notify(self, method: str) -> None:
        """Say something that has no answer."""
        self._post({"jsonrpc": "2.0", "method": method})

    def request(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask, and wait for the result."""
        self._last_id += 1
        self._post({"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params or {}})
        answer = json.loads(self._next_event("message"))
        if answer.get("id") != self._last_id:
            raise ConnectionError("the server answered something else")
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        result: dict[str, Any] = answer["result"]
        return result

    def call(self, tool: str, **arguments: object) -> str:
        """Run a tool; the text of its result."""
        result = self.request("tools/call", {"name": tool, "arguments": arguments})
        text: str = result["content"][0]["text"]
        if result.get("isError"):
            raise RuntimeError(f"{tool}: {text}")
        return text

    def close(self) -> None:
        """Leave; the server ends the conversation with the stream."""
        # Closing the response would wait for the thread that reads it; this wakes that thread.
        with socket.socket(fileno=os.dup(self._stream.fileno())) as connection:
            connection.shutdown(socket.SHUT_RDWR)


def tour(url: str, token: str | None) -> list[str]:
    """Connect, look around, call every kind of tool; the lines to show."""
    client = Client(url, token)
    lines = [f"connected as {client.id[:8]}..."]
    server = client.request("initialize")["serverInfo"]
    client.notify("notifications/initialized")
    lines.append(f"server      {server['name']} {server['version']}")
    names = [tool["name"] for tool in client.request("tools/list")["tools"]]
    lines.append(f"tools       {', '.join(names)}")
    listing = json.loads(client.call("list_directory", path="."))
    lines.append(f"the root    {listing['total']} entries")
    lines += [f"            {entry['type']:9} {entry['path']}" for entry in listing["entries"][:5]]
    for root in json.loads(client.call("list_allowed_directories"))["directories"]:
        info = json.loads(client.call("get_file_info", path=root["path"]))
        lines.append(f"root info   {root['name']}: readable: {info['readable']}, writable: {info['writable']}")
    found = json.loads(client.call("search_files", pattern="*", recursive=True, max_results=5))
    lines.append(f"search *    {', '.join(match['path'] for match in found['matches']) or 'nothing'}")
    if found["matches"]:
        path = found["matches"][0]["path"]
        lines.append(f"read        {path}: {len(client.call('read_file', path=path, head=20))} characters")
    client.close()
    return lines


def read_token(arguments: argparse.Namespace) -> str | None:
    """The token that was given, or that lies where the server keeps it; None for a server without one."""
    if arguments.token is not None:
        return str(arguments.token)
    path = Path(arguments.token_file or DEFAULT_TOKEN_FILE)
    if arguments.token_file is None and not path.exists():
        return None
    return path.read_text(encoding="ascii").strip()


def main() -> int:
    """Run as many clients at once as were asked for; 0 when every one got all its answers."""
    parser = argparse.ArgumentParser(description="A small client for Filewarden over HTTP.")
    parser.add_argument("--url", default="http://127.0.0.1:8765", help="where the server listens (%(default)s)")
    parser.add_argument("--token", help="the server's token; better name its file")
    parser.add_argument("--token-file", metavar="FILE", help=f"default: {DEFAULT_TOKEN_FILE} if it exists")
    parser.add_argument("--clients", type=int, default=1, metavar="N", help="so many at the same time")
    arguments = parser.parse_args()
    try:
        token = read_token(arguments)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "this is no token"
        parser.error(f"{arguments.token_file or DEFAULT_TOKEN_FILE}: {reason}")
    failures = 0
    shown = threading.Lock()

    def run(number: int) -> None:
        nonlocal failures
        try:
            lines = tour(arguments.url, token)
        except (OSError, RuntimeError, queue.Empty) as error:
            lines = [f"failed: {error or 'no answer in time'}"]
            with shown:
                failures += 1
        with shown:
            print("\n".join(f"[client {number}] {line}" for line in lines))  # noqa: T201

    threads = [threading.Thread(target=run, args=(number,)) for number in range(1, arguments.clients + 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"{arguments.clients - failures} of {arguments.clients} clients got every answer")  # noqa: T201
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
