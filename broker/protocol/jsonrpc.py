"""One frame of bytes to the JSON-RPC message in it, or to what is wrong with it.

A tool call or a ping in good order, which is nearly every frame, costs a single typed decode. Whatever that decoder
refuses is looked at again: as any request, whose params stay as they are for whoever serves its method, and then member
by member, to tell a notification from a response from a mistake. Members are kept as raw bytes in fixed fields and
never gathered in lists or dictionaries of unbounded size, so that a frame can not make us hold more than a small
multiple of its own length.

`msgspec.Raw` checks the grammar of what it skips but not its UTF-8, hence the check of the whole frame at the start.
With duplicate members the last one wins.
"""

from functools import cache
from typing import ClassVar, Literal

import msgspec
from msgspec import UNSET, Raw, UnsetType

from filewarden.broker.protocol.errors import ErrorCode, ProtocolError, RequestId
from filewarden.broker.protocol.messages import CallParams, Params

MAX_BATCH = 50
MOST_TORN_BYTES = 1024 * 1024
"""Larger frames are not looked at a third time."""

NO_PARAMS = Raw(b"{}")


class Request(msgspec.Struct, frozen=True):
    """To be answered exactly once. `params` is any JSON value: whoever reads it decides."""

    jsonrpc: Literal["2.0"]
    id: RequestId
    method: str
    params: Raw = NO_PARAMS


class ToolCall(msgspec.Struct, frozen=True, tag_field="method", tag="tools/call"):
    """The same as a `Request` whose method is `tools/call` and whose params are as they should be."""

    method: ClassVar[str] = "tools/call"
    jsonrpc: Literal["2.0"]
    id: RequestId
    params: CallParams


class Ping(msgspec.Struct, frozen=True, tag_field="method", tag="ping"):
    """Likewise one to `ping`."""

    method: ClassVar[str] = "ping"
    jsonrpc: Literal["2.0"]
    id: RequestId
    params: Params = Params()


AnyRequest = Request | ToolCall | Ping
READ = (ToolCall, Ping)
"""Those whose params are decoded already, for a check of what came."""


class Notification(msgspec.Struct, frozen=True):
    """Never answered, not even when it is wrong."""

    method: str
    params: Raw = NO_PARAMS


class Response(msgspec.Struct, frozen=True):
    """To a request of ours; never answered, so that two peers cannot trade errors for ever.

    `result` is any JSON value, or None for an error.
    """

    id: RequestId | None
    result: Raw | None = None


class Malformed(msgspec.Struct, frozen=True):
    """No message; `id` is what could be read of one."""

    error: ProtocolError
    id: RequestId | None = None


Message = AnyRequest | Notification | Response | Malformed


class Batch(msgspec.Struct, frozen=True):
    """An array, whose members are parsed only where the revision allows it."""

    array: Raw


class _Members(msgspec.Struct, frozen=True):
    """The members that tell messages apart, whatever their types."""

    jsonrpc: Raw | UnsetType = UNSET
    id: Raw | UnsetType = UNSET
    method: Raw | UnsetType = UNSET
    params: Raw = NO_PARAMS
    result: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET


_USUAL: msgspec.json.Decoder[ToolCall | Ping] = msgspec.json.Decoder(ToolCall | Ping)
_REQUEST = msgspec.json.Decoder(Request)
_ANYTHING = msgspec.json.Decoder(Raw)
_MEMBERS = msgspec.json.Decoder(_Members)
_STRING = msgspec.json.Decoder(str)
_ID: msgspec.json.Decoder[RequestId] = msgspec.json.Decoder(RequestId)


def decode(frame: bytes) -> Message | Batch:
    """Read one frame; surrounding whitespace is allowed, a byte order mark is not."""
    if not frame.isascii():
        try:
            frame.decode()
        except UnicodeDecodeError as error:
            return _unparsable(f"not UTF-8 at byte {error.start}")
    try:
        return _USUAL.decode(frame)  # nearly every frame is one
    except (msgspec.DecodeError, RecursionError):
        return _decode(frame)


def _decode(frame: bytes | Raw) -> Message | Batch:
    try:
        return _REQUEST.decode(frame)
    except msgspec.ValidationError:
        return _diagnose(frame)
    except msgspec.DecodeError as error:
        return _torn(bytes(frame)) or _unparsable(str(error))
    except RecursionError:
        return _unparsable("nested too deeply")


def _torn(frame: bytes) -> Malformed | Response | None:
    """What only half of a surrogate pair keeps from being read, as where a client has cut an emoji in two; else None.

    The grammar of JSON allows it, so the id can be told, without which its client would wait for an answer.
    """
    if len(frame) > MOST_TORN_BYTES:
        return None
    mended = frame.replace(b"\\ud", b"\\uf").replace(b"\\uD", b"\\uf")  # other characters instead, which stand alone
    if mended == frame:
        return None
    try:
        found = _MEMBERS.decode(mended)
    except (msgspec.DecodeError, RecursionError):
        return None
    request_id = None if isinstance(found.id, UnsetType) or b"\\u" in bytes(found.id) else _read_id(found.id)
    if _is_response(found):
        return Response(request_id)
    return _unparsable("half of a surrogate pair is no text", request_id)


def members(batch: Batch) -> list[Message]:
    """Split an array into its messages; raises `ProtocolError` when it has none, or more than `MAX_BATCH`."""
    try:
        slots = msgspec.structs.astuple(_row().decode(batch.array))
    except RecursionError:  # there is less of the stack left than where it was decoded
        raise _unparsable("nested too deeply").error from None
    if slots[0] is UNSET:
        raise ProtocolError(ErrorCode.INVALID_REQUEST, "Invalid request: the batch is empty")
    if slots[MAX_BATCH] is not UNSET:
        raise ProtocolError(ErrorCode.INVALID_REQUEST, f"Invalid request: a batch has at most {MAX_BATCH} messages")
    return [_member(slot) for slot in slots if isinstance(slot, Raw)]


@cache
def _row() -> msgspec.json.Decoder[msgspec.Struct]:
    # A struct of optional fields ignores what exceeds them; a list would first build an object for every member.
    slots = [(f"m{n}", Raw | UnsetType, UNSET) for n in range(MAX_BATCH + 1)]
    return msgspec.json.Decoder(msgspec.defstruct("Row", slots, array_like=True))


def _member(raw: Raw) -> Message:
    message = _decode(raw)
    return _invalid("an array within a batch") if isinstance(message, Batch) else message


def _diagnose(frame: bytes | Raw) -> Message | Batch:
    try:
        whole = _ANYTHING.decode(frame)
    except msgspec.DecodeError as error:
        return _unparsable(str(error))
    except RecursionError:
        return _unparsable("nested too deeply")
    match memoryview(whole)[:1].tobytes():
        case b"{":
            return _classify(_MEMBERS.decode(whole))
        case b"[":
            return Batch(whole)
        case _:
            return _invalid("a message is a JSON object")


def _classify(found: _Members) -> Message:
    """Tell the classes apart by the members that are there, then insist on their types."""
    request_id = None if isinstance(found.id, UnsetType) else _read_id(found.id)
    if _is_response(found):
        return Response(request_id, _result_in(found))
    if _read_string(found.jsonrpc) != "2.0":
        return _invalid('"jsonrpc" must be "2.0"', request_id)
    method = _read_string(found.method)
    if method is None:
        return _invalid('"method" must be a string', request_id)
    if isinstance(found.id, UnsetType):
        return Notification(method, found.params)
    if request_id is None:
        if bytes(found.id).removeprefix(b"-").isdigit():
            return _unparsable("the id is too large a number")
        return _invalid('"id" must be a string or an integer')
    return Request("2.0", request_id, method, found.params)


def _is_response(found: _Members) -> bool:
    return found.method is UNSET and (found.result is not UNSET or found.error is not UNSET)


def _result_in(found: _Members) -> Raw | None:
    """None also beside an error: what is both is no answer to rely on. Some write `null` for the one that it is not."""
    has_failed = not isinstance(found.error, UnsetType) and bytes(found.error) != b"null"
    return None if has_failed or isinstance(found.result, UnsetType) else found.result


def _read_id(raw: Raw) -> RequestId | None:
    try:
        return _ID.decode(raw)
    except msgspec.ValidationError:
        return None


def _read_string(raw: Raw | UnsetType) -> str | None:
    try:
        return None if isinstance(raw, UnsetType) else _STRING.decode(raw)
    except msgspec.ValidationError:
        return None


def _invalid(what: str, request_id: RequestId | None = None) -> Malformed:
    return Malformed(ProtocolError(ErrorCode.INVALID_REQUEST, f"Invalid request: {what}"), request_id)


def _unparsable(what: str, request_id: RequestId | None = None) -> Malformed:
    return Malformed(ProtocolError(ErrorCode.PARSE_ERROR, f"Parse error: {what}"), request_id)
