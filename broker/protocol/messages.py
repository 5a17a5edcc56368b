"""The parameters of each MCP message that we read, one frozen type each, and the one way to decode them."""

from typing import TypeVar

import msgspec
from msgspec import UNSET, Raw, UnsetType

from filewarden.broker.protocol.errors import ErrorCode, ProtocolError, RequestId


class Meta(msgspec.Struct, frozen=True):
    """What a request says about itself; `version` is present only on a modern request."""

    progress_token: RequestId | None = msgspec.field(name="progressToken", default=None)
    version: Raw | UnsetType = msgspec.field(name="io.modelcontextprotocol/protocolVersion", default=UNSET)


class Params(msgspec.Struct, frozen=True):
    """The part that any request may have."""

    meta: Meta = msgspec.field(name="_meta", default=Meta())

    @property
    def is_modern(self) -> bool:
        """Whether the request carries the per-request envelope of the modern era."""
        return self.meta.version is not UNSET


class ListParams(Params, frozen=True):
    """Of `tools/list`."""

    cursor: str | None = None


class CallParams(Params, frozen=True, kw_only=True):
    """Of `tools/call`."""

    name: str
    arguments: Raw = Raw(b"{}")


class Capabilities(msgspec.Struct, frozen=True):
    """What a client can do; nothing of it is used yet, but it must be an object."""


class ClientInfo(msgspec.Struct, frozen=True):
    """Who says it is calling: for logs and status, never for decisions."""

    name: str = ""


class InitializeParams(msgspec.Struct, frozen=True):
    """Of `initialize`."""

    version: str = msgspec.field(name="protocolVersion")
    capabilities: Capabilities
    client: ClientInfo = msgspec.field(name="clientInfo")


class CancelledParams(msgspec.Struct, frozen=True):
    """Of `notifications/cancelled`."""

    request_id: RequestId = msgspec.field(name="requestId")


PARAMS = msgspec.json.Decoder(Params)
LIST_PARAMS = msgspec.json.Decoder(ListParams)
CALL_PARAMS = msgspec.json.Decoder(CallParams)
INITIALIZE_PARAMS = msgspec.json.Decoder(InitializeParams)
CANCELLED_PARAMS = msgspec.json.Decoder(CancelledParams)

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


def is_modern(params: Raw) -> bool:
    """Whether a request of unknown method carries the envelope of the modern era."""
    try:
        return decode_params(PARAMS, params).is_modern
    except ProtocolError:
        return False


def is_empty(params: Raw) -> bool:
    """Whether it is the object without members."""
    return bytes(params).translate(None, b" \t\r\n") == b"{}"


def shown(text: str) -> str:
    """Make a client's own words short and printable, for a sentence or a log line."""
    return "".join(each if each.isprintable() else "?" for each in text[:MAX_SHOWN])
