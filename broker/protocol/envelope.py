"""What every modern request brings along in `params._meta`, checked in the order that the protocol asks for."""

import functools
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from filewarden.broker.protocol.errors import ErrorCode, ProtocolError
from filewarden.broker.protocol.jsonrpc import READ, AnyRequest, Notification, Request, ToolCall
from filewarden.broker.protocol.messages import (
    CAPABILITIES,
    CAPABILITIES_KEY,
    CLIENT_KEY,
    LOG_LEVEL_KEY,
    NO_META,
    VERSION_KEY,
    ClientInfo,
    Meta,
    clipped_name,
    decode_open,
    decode_params,
    shown,
)
from filewarden.broker.protocol.offer import TASKS
from filewarden.broker.protocol.revisions import MODERN_VERSIONS, REVISIONS
from filewarden.broker.protocol.terms import Terms
from filewarden.workers.note_level import NoteLevel

MOST_KEPT = 64
"""How many different terms are kept, of capabilities up to `MOST_KEPT_BYTES` long."""
MOST_KEPT_BYTES = 1024
MARK = VERSION_KEY.encode()
"""Stands in every frame with an envelope, unless a backslash does: JSON may spell a key in other ways."""


class _Meta(msgspec.Struct, frozen=True):
    version: Raw | UnsetType = msgspec.field(name=VERSION_KEY, default=UNSET)
    capabilities: Raw | UnsetType = msgspec.field(name=CAPABILITIES_KEY, default=UNSET)
    log_level: Raw | UnsetType = msgspec.field(name=LOG_LEVEL_KEY, default=UNSET)


class _Params(msgspec.Struct, frozen=True):
    meta: _Meta | UnsetType = msgspec.field(name="_meta", default=UNSET)


class _Introduction(msgspec.Struct, frozen=True):
    client: ClientInfo = msgspec.field(name=CLIENT_KEY, default=ClientInfo())


class _Introduced(msgspec.Struct, frozen=True):
    meta: _Introduction = msgspec.field(name="_meta", default=_Introduction())


class Envelope(msgspec.Struct, frozen=True):
    """A modern request's own version and, still to be read, what its client can do."""

    version: str
    capabilities: Raw
    log_level: Raw | UnsetType


_PARAMS = msgspec.json.Decoder(_Params)
_INTRODUCED = msgspec.json.Decoder(_Introduced)
_CLIENT = msgspec.json.Decoder(ClientInfo)
_STRING = msgspec.json.Decoder(str)
_LEVELS = {level.name.lower(): level for level in NoteLevel}
_NAMES: dict[str, msgspec.json.Decoder[Any]] = {
    method: msgspec.json.Decoder(msgspec.defstruct("Named", [("name", str, msgspec.field(name=member))]))
    for member, methods in {
        "name": ("tools/call", "prompts/get"),
        "uri": ("resources/read",),
        "taskId": ("tasks/get", "tasks/update", "tasks/cancel"),
    }.items()
    for method in methods
}


def has_envelope(message: AnyRequest | Notification) -> bool:
    """Whether a request or notification names its protocol version, whatever it says."""
    if isinstance(message, READ):
        return message.params.meta.version is not UNSET
    raw = bytes(message.params)
    if MARK not in raw and b"\\" not in raw:
        return False
    try:
        meta = _PARAMS.decode(raw).meta
    except (msgspec.DecodeError, RecursionError):
        return False
    return meta is not UNSET and meta.version is not UNSET


def client_name(message: AnyRequest | Notification) -> str:
    """What the sender of a modern message calls itself; "" where it does not."""
    try:
        if not isinstance(message, READ):
            return clipped_name(_INTRODUCED.decode(message.params).meta.client.name)
        client = message.params.meta.client
        return "" if isinstance(client, UnsetType) else clipped_name(_CLIENT.decode(client).name)
    except (msgspec.DecodeError, RecursionError):
        return ""


def read_envelope(request: AnyRequest) -> Envelope:
    """Step 1: the envelope is there, and its version is a string.

    Raises:
        ProtocolError: -32602.
    """
    meta = _meta_of(request)
    if meta is UNSET or meta is NO_META:
        raise _missing("_meta")
    if isinstance(meta.version, UnsetType):
        raise _missing(VERSION_KEY)
    if isinstance(meta.capabilities, UnsetType):
        raise _missing(CAPABILITIES_KEY)
    return Envelope(_version(meta.version), meta.capabilities, meta.log_level)


def _meta_of(request: AnyRequest) -> Meta | _Meta | UnsetType:
    if isinstance(request, READ):
        return request.params.meta
    try:
        return decode_params(_PARAMS, request.params).meta
    except ProtocolError as error:
        raise _as_envelope(error) from None


def _version(found: str | Raw) -> str:
    try:
        return found if isinstance(found, str) else _STRING.decode(found)
    except msgspec.DecodeError:
        raise _wrong(f'"{VERSION_KEY}" must be a string') from None


def terms_of(envelope: Envelope) -> Terms:
    """Steps 3 and 4: the version is served, capabilities are an object, the log level is known.

    A client brings the same with each of its requests, so what was read of late is kept.

    Raises:
        ProtocolError: -32022 or -32602.
    """
    capabilities = bytes(envelope.capabilities)
    level = None if isinstance(envelope.log_level, UnsetType) else bytes(envelope.log_level)
    read = _read_terms if len(capabilities) <= MOST_KEPT_BYTES else _read_terms.__wrapped__
    return read(envelope.version, capabilities, level)


@functools.lru_cache(MOST_KEPT)
def _read_terms(version: str, capabilities: bytes, log_level: bytes | None) -> Terms:
    if version not in MODERN_VERSIONS:
        raise unsupported(version)
    try:
        found = decode_open(CAPABILITIES, Raw(capabilities), CAPABILITIES_KEY)
    except ProtocolError as error:
        raise _as_envelope(error) from None
    return Terms(
        revision=REVISIONS[version],
        askable=found.askable(has_elicitation=True),
        has_tasks=TASKS in (found.extensions or {}),
        log_level=None if log_level is None else _log_level(log_level),
    )


def unsupported(requested: str) -> ProtocolError:
    """For a version that no modern request may name here."""
    return ProtocolError(
        ErrorCode.UNSUPPORTED_PROTOCOL_VERSION,
        f"Unsupported protocol version: {shown(requested)}",
        {"supported": list(MODERN_VERSIONS), "requested": requested},
        is_envelope=True,
    )


def name_of(request: AnyRequest) -> str | None:
    """The member that the header `Mcp-Name` repeats; None where the method has none, or it is no string."""
    if isinstance(request, ToolCall):
        return request.params.name
    decoder = _NAMES.get(request.method)
    if decoder is None or not isinstance(request, Request):
        return None
    try:
        found: str = decoder.decode(request.params).name
    except (msgspec.DecodeError, RecursionError):
        return None
    return found


def _as_envelope(error: ProtocolError) -> ProtocolError:
    return ProtocolError(error.code, error.message, is_envelope=True)


def _log_level(raw: bytes) -> NoteLevel:
    try:
        return _LEVELS[_STRING.decode(raw)]
    except (msgspec.DecodeError, KeyError):
        raise _wrong(f'"{LOG_LEVEL_KEY}" must be one of {", ".join(_LEVELS)}') from None


def _missing(member: str) -> ProtocolError:
    return _wrong(f'"{member}" is missing; every request of this protocol version carries it')


def _wrong(what: str) -> ProtocolError:
    return ProtocolError(ErrorCode.INVALID_PARAMS, f"Invalid params: {what}", is_envelope=True)
