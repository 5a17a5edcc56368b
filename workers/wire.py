"""The messages between broker and worker, their codecs, and their size limits.

One ZeroMQ frame is one message: a MessagePack array whose first item names its type. Both sides treat the other's
bytes as hostile: decoding is strict and typed, extra or missing items are refused, and what is open in shape (the
start report) passes MessagePack's own hard limits first.
"""

from typing import Annotated, Any

import msgspec

from filewarden.workers.errors import Code, Details, ToolFailure

REPORT_BYTES = 65_536
"""Upper bound of a start report, and the headroom that any frame may have beyond its payload."""


class Hello(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="hello"):
    """Worker to broker, first: the secret from its spawn message proves that it is the process just started."""

    secret: str


class Go(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="go"):
    """Broker to worker: the endpoint is gone from the file system; finish the confinement."""


class Ready(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="ready"):
    """Worker to broker, once: the packed `Report` of what holds in this worker."""

    report: bytes


class Call(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="call"):
    """Broker to worker: run one tool. `arguments` is a packed argument struct; `soft_s` are the seconds left."""

    call: int
    tool: str
    soft_s: float
    arguments: bytes


class Answer(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="answer"):
    """Worker to broker: the packed result struct, and for text tools the text in UTF-8."""

    call: int
    body: memoryview
    text: memoryview | None


class Refusal(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="refusal"):
    """Worker to broker: the tool refused, or could not."""

    call: int
    code: Code
    message: Annotated[str, msgspec.Meta(max_length=4096)]
    details: Annotated[Details, msgspec.Meta(max_length=32)]


FromWorker = Hello | Ready | Answer | Refusal
ToWorker = Go | Call


class Report(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a worker measured about its own confinement, after it was applied.

    `layers` maps a layer's name to its facts (`active` and whatever is known beside it); `degraded` holds a sentence
    for each layer that is missing; `refusal` says why the worker must not serve, or None.
    """

    level: str
    layers: dict[str, dict[str, bool | int | str | None]]
    degraded: tuple[str, ...]
    refusal: str | None


class WireError(Exception):
    """The peer sent what no honest peer sends."""


_pack = msgspec.msgpack.Encoder().encode
_decode_from_worker = msgspec.msgpack.Decoder(Hello | Ready | Answer | Refusal).decode
_decode_to_worker = msgspec.msgpack.Decoder(Go | Call).decode


def pack(message: msgspec.Struct) -> bytes:
    """A message, an argument struct or a result struct as MessagePack."""
    return _pack(message)


def unpack_from_worker(frame: memoryview | bytes) -> FromWorker:
    """A frame that a worker sent; the views in it borrow from `frame`.

    Raises:
        WireError: the frame is none of a worker's messages.
    """
    try:
        message: FromWorker = _decode_from_worker(frame)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise WireError(f"undecodable frame: {error}") from None
    return message


def unpack_to_worker(frame: bytes) -> ToWorker:
    """A frame that the broker sent.

    Raises:
        WireError: the frame is none of the broker's messages.
    """
    try:
        message: ToWorker = _decode_to_worker(frame)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise WireError(f"undecodable frame: {error}") from None
    return message


def pack_report(report: Report) -> bytes:
    """A start report as MessagePack."""
    return _pack(report)


def unpack_report(data: bytes) -> Report:
    """A start report, whose maps are open: bounded by MessagePack's limits before it becomes typed.

    Raises:
        WireError: too large, too many items, or not a report.
    """
    import msgpack

    if len(data) > REPORT_BYTES:
        raise WireError(f"start report of {len(data)} bytes")
    try:
        open_map: Any = msgpack.unpackb(
            data,
            max_str_len=2048,
            max_bin_len=0,
            max_array_len=64,
            max_map_len=64,
            max_ext_len=0,
            strict_map_key=True,
            raw=False,
        )
        return msgspec.convert(open_map, Report)
    except (ValueError, msgspec.ValidationError, RecursionError, msgpack.UnpackException) as error:
        raise WireError(f"bad start report: {error}") from None


def refuse(call: int, failure: ToolFailure) -> bytes:
    """The frame that carries a tool's refusal."""
    return _pack(Refusal(call, failure.code, failure.message, failure.details))


def max_frame_bytes(max_file_bytes: int, max_answer_chars: int) -> int:
    """Upper bound of a worker's frame: a file's text in UTF-8 or base64, or a list of items, with headroom.

    A decoded text takes at most three bytes of UTF-8 for each byte of a single-byte encoding, an item's characters
    at most four bytes each.
    """
    return max(3 * max_file_bytes, 4 * max_answer_chars) + REPORT_BYTES
