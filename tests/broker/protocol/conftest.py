"""A small offer of tools, sessions on it in each revision, and the published schemas to hold answers against."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # the package has no types
import msgspec
import pytest

from filewarden.broker.protocol.actions import Exchange, StartCall
from filewarden.broker.protocol.negotiation import Eras
from filewarden.broker.protocol.offer import Abilities, Offer
from filewarden.broker.protocol.offered import OfferedTool
from filewarden.broker.protocol.outcome import Outcome
from filewarden.broker.protocol.session import Session
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.operations import ResourceTemplate
from filewarden.workers.prompt import Prompt, PromptArgument
from filewarden.workers.task_use import TaskUse

SCHEMAS = Path(__file__).parents[2] / "schemas"

LEGACY = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"]
NEWEST = "2026-07-28"
META = "io.modelcontextprotocol/"
CLIENT = {"name": "test", "version": "0"}

Json = dict[str, object]
Opener = Callable[[str], Session]
Validator = Callable[[str, str, object], None]


class Arguments(msgspec.Struct, forbid_unknown_fields=True):
    path: str = "."


def check(arguments: bytes) -> msgspec.Struct:
    try:
        return msgspec.json.decode(arguments, type=Arguments)
    except msgspec.DecodeError as error:
        raise ToolFailure(Code.INVALID_ARGUMENT, str(error), argument="path") from None


@pytest.fixture
def tools() -> list[OfferedTool]:
    hints: Json = {"readOnlyHint": True, "destructiveHint": False, "idempotentHint": True, "openWorldHint": False}
    schema: Json = {"type": "object", "properties": {"path": {"type": "string"}}, "additionalProperties": False}
    result: Json = {"type": "object", "properties": {"size": {"type": "integer"}}, "required": ["size"]}
    return [
        OfferedTool(
            name="get_file_info",
            title="File facts",
            description="Tell what a file is.",
            schemas=lambda: (schema, result),
            annotations=hints,
            check=check,
        ),
        OfferedTool(
            name="read_file",
            title="Read a file",
            description="Return the text of a file.",
            schemas=lambda: (schema, None),
            annotations=hints,
            check=check,
        ),
    ]


@pytest.fixture
def offer(tools: list[OfferedTool]) -> Offer:
    return Offer(tools, instructions="Paths are relative to the root.")


@pytest.fixture
def full(tools: list[OfferedTool]) -> Offer:
    """Everything that can be offered."""
    extended = [
        msgspec.structs.replace(tools[0], name="scan", task=TaskUse.WHEN_SLOW),
        msgspec.structs.replace(tools[0], name="job", needs_task=True),
    ]
    argument = PromptArgument(name="topic", description="What about.", required=True)
    return Offer(
        [*tools, *extended],
        prompts=[Prompt(name="explain", title="Explain", description="Explain it.", arguments=(argument,))],
        templates=[ResourceTemplate(uri_template="file:///R/{+path}", name="R", title="R", description="Files.")],
        abilities=Abilities(
            resources=True,
            watching=True,
            completions=True,
            logging=True,
            tasks=True,
            changing_tools=True,
            changing_prompts=True,
            changing_resources=True,
        ),
        instructions="Paths are relative to the root.",
    )


@pytest.fixture
def fresh(offer: Offer) -> Session:
    """A session that has seen nothing yet."""
    return Session(offer)


@pytest.fixture
def opened(offer: Offer) -> Opener:
    """Open a session in one revision."""

    def opened(version: str) -> Session:
        session = Session(offer)
        params = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "test", "version": "0"}}
        exchange = session.receive(msgspec.json.encode(request("initialize", params, request_id="open")))
        assert exchange.answer is not None
        assert session.revision is not None
        return session

    return opened


class Client:
    """What one client with declared capabilities says in one revision."""

    def __init__(self, offer: Offer, version: str, capabilities: Json | None = None) -> None:
        self.version = version
        self.is_modern = version == NEWEST
        self.capabilities = capabilities or {}
        self.session = Session(offer, Eras.MODERN if self.is_modern else Eras.LEGACY)
        if not self.is_modern:
            params: Json = {"protocolVersion": version, "capabilities": self.capabilities, "clientInfo": CLIENT}
            assert "result" in self.ask("initialize", params, request_id="open")

    def frame(self, method: str, params: Json | None = None, *, request_id: object = 1, **meta: object) -> bytes:
        given = dict(params or {})
        if self.is_modern:
            meta = {f"{META}protocolVersion": NEWEST, f"{META}clientCapabilities": self.capabilities, **meta}
        if meta:
            given["_meta"] = meta
        return msgspec.json.encode(request(method, given, request_id=request_id))

    def ask(self, method: str, params: Json | None = None, *, request_id: object = 1, **meta: object) -> Json:
        """A request that is answered at once."""
        return answered(self.session.receive(self.frame(method, params, request_id=request_id, **meta)))

    def begin(self, method: str, params: Json | None = None, *, request_id: object = 1, **meta: object) -> Any:
        """A request that something has to be done for; what that is."""
        exchange = self.session.receive(self.frame(method, params, request_id=request_id, **meta))
        (action,) = exchange.actions
        exchange.actions.clear()
        assert exchange.answer is None
        return action

    def call(self, name: str = "get_file_info", params: Json | None = None, **meta: object) -> Any:
        return self.begin("tools/call", {"name": name, **(params or {})}, **meta)

    def finish(self, action: Any, outcome: Outcome) -> Json:
        """The answer to a call that ends so."""
        return answered(self.session.complete(action, outcome))


def answered(exchange: Exchange | None) -> Json:
    assert exchange is not None
    assert exchange.answer is not None
    return msgspec.json.decode(bytes(exchange.answer), type=dict[str, Any])


OpenClient = Callable[..., Client]


@pytest.fixture
def client_of(full: Offer) -> OpenClient:
    """A client of a revision, and what it declares; everything is offered to it."""

    def client_of(version: str, **capabilities: object) -> Client:
        return Client(full, version, dict(capabilities))

    return client_of


def request(method: str, params: object = None, *, request_id: object = 1) -> Json:
    message: Json = {"jsonrpc": "2.0", "id": request_id, "method": method}
    if params is not None:
        message["params"] = params
    return message


Maker = Callable[..., bytes]


@pytest.fixture
def make() -> Maker:
    """Encode a request."""

    def make(method: str, params: object = None, *, request_id: object = 1) -> bytes:
        return msgspec.json.encode(request(method, params, request_id=request_id))

    return make


Asker = Callable[[Session, bytes], Json]


@pytest.fixture
def ask() -> Asker:
    """Send a frame that is answered at once; returns the answer."""

    def ask(session: Session, frame: bytes) -> Json:
        answer = session.receive(frame).answer
        assert answer is not None
        return msgspec.json.decode(bytes(answer), type=dict[str, object])

    return ask


Starter = Callable[[Session, bytes], tuple[StartCall, Exchange]]


@pytest.fixture
def start() -> Starter:
    """Send a frame that starts one call."""

    def start(session: Session, frame: bytes) -> tuple[StartCall, Exchange]:
        exchange = session.receive(frame)
        (call,) = exchange.actions
        assert isinstance(call, StartCall)
        assert exchange.answer is None
        return call, exchange

    return start


@cache
def validator_of(version: str, definition: str) -> Callable[[object], None]:
    schema = msgspec.json.decode((SCHEMAS / f"{version}.json").read_bytes(), type=dict[str, object])
    place = "$defs" if "$defs" in schema else "definitions"
    wanted = {"$schema": schema["$schema"], "$ref": f"#/{place}/{definition}", place: schema[place]}
    check_value: Callable[[object], None] = jsonschema.validators.validator_for(wanted)(wanted).validate
    return check_value


@pytest.fixture
def validate() -> Validator:
    """Hold a value against one definition of a revision's published schema."""

    def validate(version: str, definition: str, value: object) -> None:
        validator_of(version, definition)(value)

    return validate
