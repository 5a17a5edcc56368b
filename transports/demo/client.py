"""A small MCP client: one question at a time over a wire, which may be a pipe or one of the HTTP dialects."""

import json
import time
from collections.abc import Mapping
from typing import NamedTuple, Protocol

from filewarden.transports.demo.facts import DemoFailure, Facts

REVISION = "2025-06-18"
PATIENCE_S = 8.0  # longer than any deadline of a demonstration server: an answer that takes this long never comes


class Wire(Protocol):
    """How messages get to the server and back."""

    def exchange(self, message: bytes, ident: int) -> Facts:
        """Send a request and return the response with this id; DemoFailure when none comes."""

    def tell(self, message: bytes) -> None:
        """Send a notification."""

    def close(self) -> None:
        """Hang up."""


class Answer(NamedTuple):
    """What a tool said: its text, its fields (none for plain text), its error code or "", and how long it took."""

    text: str
    facts: Facts
    error: str
    elapsed_s: float


class Client:
    """Asks over a wire and decodes what comes back."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._ident = 0

    def greet(self, revision: str | None = REVISION) -> Facts:
        """Shake hands (None: with empty params, as clients of the original design do); the server's introduction."""
        params: dict[str, object] = {}
        if revision is not None:
            params = {
                "protocolVersion": revision,
                "capabilities": {},
                "clientInfo": {"name": "filewarden-demo", "version": "1"},
            }
        introduction = self._ask("initialize", params)
        self._wire.tell(_encode({"jsonrpc": "2.0", "method": "notifications/initialized"}))
        return introduction

    def tools(self) -> list[Facts]:
        """The tools on offer."""
        return self._ask("tools/list", {}).parts("tools")

    def call(self, tool: str, **arguments: object) -> Answer:
        """Call a tool; its failures are answers too."""
        started = time.perf_counter()
        result = self._ask("tools/call", {"name": tool, "arguments": arguments})
        elapsed_s = time.perf_counter() - started
        blocks = result.parts("content")
        text = blocks[0].text("text") if blocks else ""
        if result.has("structuredContent"):
            facts = result.part("structuredContent")
        elif text.startswith("{"):
            facts = _facts_in(text, tool)
        else:
            facts = Facts({}, f"the answer of {tool}")
        failed = result.has("isError") and result.flag("isError")
        return Answer(text, facts, _error_code(facts) if failed else "", elapsed_s)

    def close(self) -> None:
        """Hang up."""
        self._wire.close()

    def _ask(self, method: str, params: Mapping[str, object]) -> Facts:
        self._ident += 1
        question = {"jsonrpc": "2.0", "id": self._ident, "method": method, "params": params}
        response = self._wire.exchange(_encode(question), self._ident)
        if response.has("error"):
            raise DemoFailure(f"{method} was refused: {response.part('error').text('message')}")
        return response.part("result")


def answered(candidate: Facts, ident: int) -> bool:
    """Whether this message is the response to that request."""
    return not candidate.has("method") and candidate.has("id") and candidate.count("id") == ident


def _encode(message: Mapping[str, object]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()


def _error_code(facts: Facts) -> str:
    return facts.part("error").text("code") if facts.has("error") else "unknown"


def _facts_in(text: str, tool: str) -> Facts:
    try:
        return Facts.decode(text, f"the answer of {tool}")
    except DemoFailure:  # a file whose text only begins like JSON
        return Facts({}, f"the answer of {tool}")
