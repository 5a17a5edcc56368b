import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from filewarden.broker.protocol.principal import Principal
from filewarden.transports.http import guard as guard_module
from filewarden.transports.http.answer import Answer, problem, send_answer
from filewarden.transports.http.authentication import LocalToken, principal_of
from filewarden.transports.http.fields import Fields
from filewarden.transports.http.gate import Gate, own_hosts, own_origins
from filewarden.transports.http.guard import Guard

GOOD = {b"host": b"localhost:8765", b"authorization": b"Bearer secret-secret-secret"}


GATE = Gate(
    hosts=own_hosts("127.0.0.1", 8765, ()),
    origins=own_origins("127.0.0.1", 8765, ()),
    routes={"/mcp": ("POST",), "/health": ("GET",), "/status": ("GET",)},
    max_body_bytes=100,
)


class Visitors:
    """Lets in whoever says a name."""

    async def authenticate(self, fields: Fields, query: bytes) -> Principal | Answer:
        name = fields.get(b"x-name")
        return problem(403, "say your name") if name is None else Principal(name.decode())


class Withdrawing:
    """Lets everybody in, for an hour, until `left` looks have been taken; in the one before the last it cannot tell."""

    def __init__(self, left: int) -> None:
        self.left = left

    async def authenticate(self, fields: Fields, query: bytes) -> Principal | Answer:
        self.left -= 1
        if self.left == 0:
            return problem(503, "the keys cannot be had")
        return Principal("ann", expires_at=time.time() + 3600) if self.left >= 0 else problem(401, "withdrawn")


async def tell_who(scope: Scope, receive: Receive, send: Send) -> None:
    found = principal_of(scope).key if "filewarden.principal" in scope else "nobody"
    await send_answer(send, Answer(200, found.encode()))


def ask(method: str, path: str, fields: dict[bytes, bytes]) -> tuple[int, bytes]:
    operators = LocalToken("secret-secret-secret")
    open_paths = frozenset({"/health"})
    guard = Guard(tell_who, GATE, open_paths=open_paths, operators=operators, others={"/mcp": Visitors()})
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("the body is not read before the decision")

    scope = {"method": method, "path": path, "query_string": b"", "headers": list(fields.items())}
    asyncio.run(guard(scope, receive, send))
    return sent[0]["status"], sent[1]["body"]


def test_what_is_wrong_is_said_in_the_fixed_order() -> None:
    wrong = {b"host": b"evil", b"origin": b"http://evil", b"content-length": b"999", b"content-type": b"x"}
    repairs = [{b"host": b"localhost:8765"}, {b"origin": b"http://localhost:8765"}, {}, {b"x-name": b"a"}]
    path, statuses = "/nothing", []
    for repair in [*repairs, {b"content-length": b"1"}, {b"content-type": b"application/json"}]:
        statuses.append(ask("POST", path, wrong)[0])
        wrong |= repair
        if len(statuses) == 3:
            path = "/mcp"
    assert [*statuses, ask("POST", path, wrong)[0]] == [421, 403, 404, 403, 413, 415, 200]


def test_each_path_has_those_who_may_come_in() -> None:
    assert ask("GET", "/health", {b"host": b"localhost:8765"}) == (200, b"nobody")
    assert ask("GET", "/status", {b"host": b"localhost:8765"})[0] == 401
    assert ask("GET", "/status", {**GOOD, b"authorization": b"Bearer x", b"x-name": b"ann"})[0] == 401
    assert ask("GET", "/status", GOOD)[1].startswith(b"token:")
    body = {b"content-type": b"application/json"}
    assert ask("POST", "/mcp", {**GOOD, **body})[0] == 403
    assert ask("POST", "/mcp", {**GOOD, **body, b"x-name": b"ann"}) == (200, b"ann")


def test_a_stream_ends_when_its_credential_is_withdrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard_module, "CHECK_AGAIN_S", 0.01)
    operators, is_over = Withdrawing(3), asyncio.Event()

    async def stream(_scope: Scope, _receive: Receive, _send: Send) -> None:
        await is_over.wait()
        assert operators.left == -1

    async def main() -> None:
        guard = Guard(stream, GATE, open_paths=frozenset(), operators=operators)
        peer = SimpleNamespace(abort=is_over.set, trust=str)
        scope = {"method": "GET", "path": "/status", "query_string": b"", "headers": list(GOOD.items())}
        nothing: Any = None
        async with asyncio.timeout(20):
            await guard({**scope, "filewarden.peer": peer}, nothing, nothing)
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())
