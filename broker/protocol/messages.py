"""The parameters of each MCP message that we read, one frozen type each, and the one way to decode them."""

from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, Raw, UnsetType

from filewarden.broker.protocol.errors import ErrorCode, ProtocolError, RequestId
from filewarden.workers.inquiry import MOST_LEVELS, is_shallow

Json = dict[str, Any]

MOST_URI_CHARS = 16_384
"""Errors repeat an address as it was asked for."""
Uri = Annotated[str, msgspec.Meta(max_length=MOST_URI_CHARS)]
LogLevel = Literal["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]


VERSION_KEY = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES_KEY = "io.modelcontextprotocol/clientCapabilities"
CLIENT_KEY = "io.modelcontextprotocol/clientInfo"
LOG_LEVEL_KEY = "io.modelcontextprotocol/logLevel"


class Meta(msgspec.Struct, frozen=True):
    """What a request says about itself: the first three in every era, the rest is the envelope of a modern one."""

    progress_token: RequestId | None = msgspec.field(name="progressToken", default=None)
    traceparent: Raw | UnsetType = UNSET
    tracestate: Raw | UnsetType = UNSET
    version: str | UnsetType = msgspec.field(name=VERSION_KEY, default=UNSET)
    capabilities: Raw | UnsetType = msgspec.field(name=CAPABILITIES_KEY, default=UNSET)
    client: Raw | UnsetType = msgspec.field(name=CLIENT_KEY, default=UNSET)
    log_level: Raw | UnsetType = msgspec.field(name=LOG_LEVEL_KEY, default=UNSET)


NO_META = Meta()
"""Of params that have none: this very object."""


class Params(msgspec.Struct, frozen=True):
    """The part that any request may have."""

    meta: Meta = msgspec.field(name="_meta", default=NO_META)


class ListParams(Params, frozen=True):
    """Of the methods that list."""

    cursor: str | None = None


class RetryParams(Params, frozen=True, kw_only=True):
    """Of the methods that may ask the client and be called again (MCP 2026-07-28, multi-round-trip requests)."""

    input_responses: Raw | UnsetType = msgspec.field(name="inputResponses", default=UNSET)
    request_state: str | UnsetType = msgspec.field(name="requestState", default=UNSET)


class CallParams(RetryParams, frozen=True, kw_only=True):
    """Of `tools/call`."""

    name: str
    arguments: Raw = Raw(b"{}")


class ReadParams(RetryParams, frozen=True, kw_only=True):
    """Of `resources/read`, and of watching one."""

    uri: Uri


class PromptParams(RetryParams, frozen=True, kw_only=True):
    """Of `prompts/get`."""

    name: str
    arguments: dict[str, str] = {}


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """What a completion is for."""

    kind: Literal["ref/resource", "ref/prompt"] = msgspec.field(name="type")
    uri: str = ""
    name: str = ""


class Argument(msgspec.Struct, frozen=True):
    """The argument that is being filled in."""

    name: str
    value: str


class CompletionContext(msgspec.Struct, frozen=True):
    """Arguments that are filled in already."""

    arguments: dict[str, str] = {}


class CompleteParams(Params, frozen=True, kw_only=True):
    """Of `completion/complete`."""

    ref: Reference
    argument: Argument
    context: CompletionContext = CompletionContext()


class LevelParams(Params, frozen=True, kw_only=True):
    """Of `logging/setLevel`."""

    level: LogLevel


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """What a listener wants to be told of."""

    tools: bool = msgspec.field(name="toolsListChanged", default=False)
    prompts: bool = msgspec.field(name="promptsListChanged", default=False)
    resources: bool = msgspec.field(name="resourcesListChanged", default=False)
    uris: list[str] = msgspec.field(name="resourceSubscriptions", default_factory=list)
    tasks: list[str] = msgspec.field(name="taskIds", default_factory=list)


class ListenParams(Params, frozen=True, kw_only=True):
    """Of `subscriptions/listen`."""

    notifications: Filter


class TaskParams(Params, frozen=True, kw_only=True):
    """Of `tasks/get` and `tasks/cancel`."""

    task_id: str = msgspec.field(name="taskId")


class TaskUpdateParams(TaskParams, frozen=True, kw_only=True):
    """Of `tasks/update`."""

    input_responses: Raw = msgspec.field(name="inputResponses")


class ElicitationCapability(msgspec.Struct, frozen=True):
    """How the user can be asked; without a mode it is by form."""

    form: Raw | UnsetType = UNSET
    url: Raw | UnsetType = UNSET


class Capabilities(msgspec.Struct, frozen=True):
    """What a client can do, as far as it matters here."""

    elicitation: ElicitationCapability | None = None
    sampling: dict[str, Raw] | None = None
    roots: dict[str, Raw] | None = None
    extensions: dict[str, Raw] | None = None

    def askable(self, *, has_elicitation: bool) -> tuple[str, ...]:
        """The methods that this client answers."""
        form = self.elicitation
        takes_forms = form is not None and (form.form is not UNSET or form.url is UNSET)
        return (
            *(("elicitation/create",) if has_elicitation and takes_forms else ()),
            *(("sampling/createMessage",) if self.sampling is not None else ()),
            *(("roots/list",) if self.roots is not None else ()),
        )


class ClientInfo(msgspec.Struct, frozen=True):
    """Who says it is calling: for logs and status, never for decisions."""

    name: str = ""


MOST_NAME_CHARS = 80


def clipped_name(name: str) -> str:
    """As much of a client's name as is kept."""
    return name if len(name) <= MOST_NAME_CHARS else f"{name[: MOST_NAME_CHARS - 1]}…"


class InitializeParams(msgspec.Struct, frozen=True):
    """Of `initialize`."""

    version: str = msgspec.field(name="protocolVersion")
    capabilities: Raw
    client: ClientInfo = msgspec.field(name="clientInfo")


class CancelledParams(msgspec.Struct, frozen=True):
    """Of `notifications/cancelled`."""

    request_id: RequestId = msgspec.field(name="requestId")


PARAMS = msgspec.json.Decoder(Params)
LIST_PARAMS = msgspec.json.Decoder(ListParams)
CALL_PARAMS = msgspec.json.Decoder(CallParams)
READ_PARAMS = msgspec.json.Decoder(ReadParams)
PROMPT_PARAMS = msgspec.json.Decoder(PromptParams)
COMPLETE_PARAMS = msgspec.json.Decoder(CompleteParams)
LEVEL_PARAMS = msgspec.json.Decoder(LevelParams)
LISTEN_PARAMS = msgspec.json.Decoder(ListenParams)
TASK_PARAMS = msgspec.json.Decoder(TaskParams)
TASK_UPDATE_PARAMS = msgspec.json.Decoder(TaskUpdateParams)
CAPABILITIES = msgspec.json.Decoder(Capabilities)
INITIALIZE_PARAMS = msgspec.json.Decoder(InitializeParams)
CANCELLED_PARAMS = msgspec.json.Decoder(CancelledParams)

_ANSWERS = msgspec.json.Decoder(dict[str, Json])

MOST_OPEN_BYTES = 65_536
"""What is open in shape becomes objects of many times its length, so only this much of it is decoded."""
MAX_SHOWN = 64

P = TypeVar("P", bound=msgspec.Struct)


def decode_params(decoder: msgspec.json.Decoder[P], params: Raw) -> P:
    """Raise `ProtocolError` naming the member that is wrong."""
    try:
        return decoder.decode(params)
    except msgspec.DecodeError as error:
        raise ProtocolError(ErrorCode.INVALID_PARAMS, f"Invalid params: {error}") from None
    except RecursionError:
        raise ProtocolError(ErrorCode.PARSE_ERROR, "Parse error: nested too deeply") from None


def decode_open(decoder: msgspec.json.Decoder[P], raw: Raw, what: str) -> P:
    """Decode a part whose shape is the client's; raise `ProtocolError` also when it is too long."""
    _insist_on_size(raw, what)
    return decode_params(decoder, raw)


def decode_answers(raw: Raw) -> dict[str, Json]:
    """What a client answers to our questions: objects by key."""
    _insist_on_size(raw, "inputResponses")
    try:
        answers = _ANSWERS.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        sentence = 'Invalid params: "inputResponses" must hold an object for each answer'
        raise ProtocolError(ErrorCode.INVALID_PARAMS, sentence) from None
    if not is_shallow(answers):
        sentence = f'Invalid params: "inputResponses" may have at most {MOST_LEVELS} levels'
        raise ProtocolError(ErrorCode.INVALID_PARAMS, sentence)
    return answers


def _insist_on_size(raw: Raw, what: str) -> None:
    if len(memoryview(raw)) > MOST_OPEN_BYTES:
        sentence = f'Invalid params: "{what}" may have at most {MOST_OPEN_BYTES} bytes'
        raise ProtocolError(ErrorCode.INVALID_PARAMS, sentence)


def is_empty(params: Raw) -> bool:
    """Whether it is the object without members."""
    return bytes(params).translate(None, b" \t\r\n") == b"{}"


def shown(text: str) -> str:
    """Make a client's own words short and printable, for a sentence or a log line."""
    return "".join(each if each.isprintable() else "?" for each in text[:MAX_SHOWN])
