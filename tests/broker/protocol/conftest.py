"""A small offer of tools, sessions on it in each revision, and the published schemas to hold answers against."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]  # the package has no types
import msgspec
import pytest

from filewarden.broker.protocol.actions import Exchange, StartCall
from filewarden.broker.protocol.offer import Offer
from filewarden.broker.protocol.offered import OfferedTool
from filewarden.broker.protocol.session import Session
from filewarden.workers.errors import Code, ToolFailure

SCHEMAS = Path(__file__).parents[2] / "schemas"

LEGACY = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"]

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
            input_schema=schema,
            output_schema=result,
            annotations=hints,
            check=check,
        ),
        OfferedTool(
            name="read_file",
            title="Read a file",
            description="Return the text of a file.",
            input_schema=schema,
            output_schema=None,
            annotations=hints,
            check=check,
        ),
    ]


@pytest.fixture
def offer(tools: list[OfferedTool]) -> Offer:
    return Offer(tools, instructions="Paths are relative to the root.")


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
        return msgspec.json.decode(answer, type=dict[str, object])

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
