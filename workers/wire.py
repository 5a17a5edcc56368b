"""The messages between broker and worker, their codecs, and their size limits.

One ZeroMQ frame is one message: a MessagePack array whose first item names its type. Both sides treat the other's
bytes as hostile: decoding is strict and typed, extra or missing items are refused, and what is open in shape (the
start report) passes MessagePack's own hard limits first.
"""

import struct
from typing import Annotated, Any

import msgspec

from filewarden.workers.content import Block
from filewarden.workers.errors import Code, Details, ToolFailure
from filewarden.workers.inquiry import MOST_REQUESTS, NO_INPUTS, STATE_BYTES, InputRequest, Inputs, is_shallow
from filewarden.workers.note_level import LONGEST_MESSAGE, LONGEST_NOTE, NoteLevel

REPORT_BYTES = 65_536
"""Upper bound of a start report, and the headroom that any frame may have beyond its payload."""
QUESTION_BYTES = 16_384
Amount = Annotated[float, msgspec.Meta(ge=0, le=1e300)]
"""A number that JSON can say."""

SEVERAL_BYTES = 262_144
"""Room for the names of several files in one answer, and for why some of them are not in it."""
SHORT_BYTES = 262_144
"""Of a frame that is neither an answer nor the beginning of one: reports, refusals, questions, remarks."""
_REFUSAL_CHARS = 4096
_MOST_DETAILS = 32
MOST_BLOCKS = 64
"""In one answer: one for each of several files, and a few of anything else."""


class Hello(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="hello"):
    """Worker to broker, first: the secret from its spawn message proves that it is the process just started."""

    secret: str


class Go(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="go"):
    """Broker to worker: the endpoint is gone from the file system; finish the confinement."""


class Ready(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="ready"):
    """Worker to broker, once: the packed `Report` of what holds in this worker."""

    report: bytes


class Call(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Run one tool. `arguments` is a packed argument struct; `soft_s` are the seconds left.

    `inputs` is a packed `Inputs`, empty for a first run; without a `log_level` no log messages are wanted.
    `principal` is the key of whoever calls, and `mark` the call's own name among all calls of all servers: told only
    where the call is to be recorded.
    """

    call: int
    tool: str
    soft_s: float
    arguments: bytes
    wants_progress: bool = False
    log_level: NoteLevel | None = None
    askable: tuple[str, ...] = ()
    inputs: bytes = b""
    principal: str = ""
    mark: str = ""


class Calls(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="calls"):
    """Broker to worker: run these one after the other, and answer each as soon as it is done."""

    calls: list[Call]


class Answer(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="answer"):
    """Worker to broker: the packed result; with it the text in UTF-8, or the packed blocks, by the tool's kind.

    A number: so many bytes of text lie on the worker's shelf (`shelf`).
    """

    call: int
    body: memoryview
    payload: memoryview | int | None


class Refusal(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="refusal"):
    """Worker to broker: the tool refused, or could not."""

    call: int
    code: Code
    message: Annotated[str, msgspec.Meta(max_length=_REFUSAL_CHARS)]
    details: Annotated[Details, msgspec.Meta(max_length=_MOST_DETAILS)]


class Question(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="question"):
    """Worker to broker, instead of an answer: the client has to be asked. `requests` is a packed map by key."""

    call: int
    requests: memoryview
    state: bytes


class Progress(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="progress"):
    """Worker to broker, any number before the answer."""

    call: int
    done: Amount
    total: Amount | None
    message: Annotated[str, msgspec.Meta(max_length=LONGEST_MESSAGE)] | None


class Note(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="note"):
    """Worker to broker, any number before the answer: a log message for the client."""

    call: int
    level: NoteLevel
    text: Annotated[str, msgspec.Meta(max_length=LONGEST_NOTE)]


class Beginning(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="beginning"):
    """Worker to broker, any number before an `Answer` with a text: how it begins, in UTF-8, or how it goes on.

    A long text is on its way while the worker still finds out what is to be told about it. A number: so many bytes of
    it lie on the worker's shelf.
    """

    call: int
    text: memoryview | int


Pieces = tuple[bytes | memoryview, ...]
"""A frame that has not been put together: what is large need not be copied for that."""
Ending = Answer | Refusal | Question
"""What ends a call."""
Remark = Progress | Note
"""What a call says to its client on its way."""
Aside = Remark | Beginning
"""What a call says on its way."""
ASIDES = (Progress, Note, Beginning)
"""The same, for a check of what came."""
ABOUT_CALLS = (Answer, Refusal, Question, *ASIDES)
"""Likewise, what ends calls with it. Answers come first, as most are."""
MAY_BE_LONG = (Answer, Beginning)
"""Likewise, what may have more than `SHORT_BYTES`."""
FromWorker = Hello | Ready | Ending | Aside
ToWorker = Go | Calls


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
    """The peer sent what no honest peer sends: `what` in our own words, while `detail` may hold some of the peer's."""

    def __init__(self, what: str, detail: object = "") -> None:
        self.what = what
        self.detail = str(detail)
        super().__init__(f"{what}: {detail}" if self.detail else what)


pack = msgspec.msgpack.Encoder().encode
"""A message, an argument struct or a result struct as MessagePack."""
_ANSWER = b"\x94" + pack("answer")
_BIN_32 = 0xC6
_BYTES = struct.Struct(">BI")
_BEGINNING = b"\x93" + pack("beginning")
_decode_from_worker = msgspec.msgpack.Decoder(
    Hello | Ready | Answer | Refusal | Question | Progress | Note | Beginning
).decode
_decode_blocks = msgspec.msgpack.Decoder(Annotated[tuple[Block, ...], msgspec.Meta(max_length=MOST_BLOCKS)]).decode
_decode_inputs = msgspec.msgpack.Decoder(Inputs).decode
_decode_to_worker = msgspec.msgpack.Decoder(Go | Calls).decode


def answer(call: int, body: msgspec.Struct, payload: bytes | int | None = None) -> Pieces:
    """The frame of an `Answer`, with its structs packed once and its payload not copied.

    Written by hand as MessagePack has it (spec.md): an array of four, text, integer, bytes, and bytes, integer or nil.
    """
    packed = pack(body)
    head = b"".join((_ANSWER, pack(call), _BYTES.pack(_BIN_32, len(packed)), packed))
    if payload is None or isinstance(payload, int):
        return (head + pack(payload),)
    return (head + _BYTES.pack(_BIN_32, len(payload)), payload)


def beginning(call: int, text: memoryview | int) -> Pieces:
    """The frame of a `Beginning`, with its text not copied."""
    if isinstance(text, int):
        return (pack(Beginning(call, text)),)
    return (b"".join((_BEGINNING, pack(call), _BYTES.pack(_BIN_32, len(text)))), text)


def unpack_from_worker(frame: bytes | bytearray | memoryview) -> FromWorker:
    """A frame that a worker sent; the views in it borrow from `frame`.

    Raises:
        WireError: the frame is none of a worker's messages.
    """
    try:
        message: FromWorker = _decode_from_worker(frame)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise WireError("undecodable frame", error) from None
    return message


def unpack_to_worker(frame: bytes | bytearray) -> ToWorker:
    """A frame that the broker sent.

    Raises:
        WireError: the frame is none of the broker's messages.
    """
    try:
        message: ToWorker = _decode_to_worker(frame)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise WireError("undecodable frame", error) from None
    return message


def pack_report(report: Report) -> bytes:
    """A start report as MessagePack."""
    return pack(report)


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
        raise WireError("bad start report", error) from None


def pack_blocks(blocks: tuple[Block, ...]) -> bytes:
    """The blocks of an answer as MessagePack."""
    return pack(blocks)


def unpack_blocks(data: memoryview) -> tuple[Block, ...]:
    """The blocks that a worker answered with.

    Raises:
        WireError: they are none.
    """
    try:
        blocks: tuple[Block, ...] = _decode_blocks(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise WireError("bad blocks", error) from None
    return blocks


def unpack_inputs(data: bytes) -> Inputs:
    """The answers that the broker passes on; none for an empty field."""
    return _decode_inputs(data) if data else NO_INPUTS


def question(call: int, requests: dict[str, InputRequest], state: bytes) -> bytes:
    """The frame that asks the client."""
    return pack(Question(call, memoryview(pack(requests)), state))


def unpack_requests(asked: Question) -> dict[str, InputRequest]:
    """What a worker wants to ask: open JSON, so MessagePack's own limits come first.

    Raises:
        WireError: too large, too many items, or nothing that can be asked.
    """
    import msgpack

    if len(asked.requests) > QUESTION_BYTES or len(asked.state) > STATE_BYTES:
        raise WireError(f"a question of {len(asked.requests)} bytes")
    try:
        open_map: Any = msgpack.unpackb(
            bytes(asked.requests),
            max_str_len=QUESTION_BYTES,
            max_bin_len=0,
            max_array_len=256,
            max_map_len=64,
            max_ext_len=0,
            strict_map_key=True,
            raw=False,
        )
        requests = msgspec.convert(open_map, dict[str, InputRequest])
    except (ValueError, msgspec.ValidationError, RecursionError, msgpack.UnpackException) as error:
        raise WireError("bad question", error) from None
    if not 0 < len(requests) <= MOST_REQUESTS:
        raise WireError(f"a question of {len(requests)} requests")
    if not all(is_shallow(request.params) for request in requests.values()):
        raise WireError("a question that is nested too deeply")
    return requests


def refuse(call: int, failure: ToolFailure) -> bytes:
    """The frame that carries a tool's refusal; a plugin's may hold more than there is room for, which is left out."""
    message, details = failure.message[:_REFUSAL_CHARS], failure.details
    frame = pack(Refusal(call, failure.code, message, details))
    if len(frame) > SHORT_BYTES or len(details) > _MOST_DETAILS:
        return pack(Refusal(call, failure.code, message, {}))
    return frame


def max_frame_bytes(*, max_file_bytes: int, max_media_bytes: int, max_answer_chars: int) -> int:
    """Upper bound of a worker's frame: text of one file or several in UTF-8 or base64, media, or items, with headroom.

    A decoded text takes at most three bytes of UTF-8 for each byte of a single-byte encoding, an item's characters
    at most four bytes each.
    """
    return max(3 * max_file_bytes + SEVERAL_BYTES, max_media_bytes, 4 * max_answer_chars) + REPORT_BYTES


def max_body_bytes(max_answer_chars: int) -> int:
    """Upper bound of what an answer says beside a text or blocks: entries, matches, facts.

    They are told twice, as JSON and as a text of it, and a byte of a hostile worker's can cost what a hundred of a text
    do.
    """
    return 4 * max_answer_chars + SEVERAL_BYTES + REPORT_BYTES
