"""What a hostile worker says in place of an answer, and on its way to one."""

from collections.abc import Callable, Sequence
from typing import Any

import msgpack
import msgspec
import pytest

from filewarden.broker.answers import AnswerReader
from filewarden.broker.process import Violation
from filewarden.broker.protocol.long_text import LongResponse, LongText
from filewarden.broker.protocol.outcome import Asked, Failed, Succeeded
from filewarden.broker.protocol.revisions import NEWEST_LEGACY, REVISIONS
from filewarden.broker.protocol.shape import call_answer, call_response
from filewarden.workers import wire
from filewarden.workers.content import ResourceBlock, TextBlock
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.inquiry import MOST_REQUESTS, STATE_BYTES, form
from filewarden.workers.methods import complete
from filewarden.workers.tool import Kind, Tool
from filewarden.workers.tools import list_directory

SURE = ["elicitation/create", {"message": "Sure?"}]


class Facts(msgspec.Struct, frozen=True):
    size: int
    notice: str | msgspec.UnsetType = msgspec.UNSET


def tool_of(kind: Kind) -> Tool:
    return Tool(name="t", title="t", description="t", arguments=Facts, result=Facts, run=lambda *_: Facts(1), kind=kind)


@pytest.fixture
def reader() -> AnswerReader:
    return AnswerReader()


def no_shelf(length: int) -> LongText:
    raise Violation(f"{length} bytes on a shelf that is not there")


def heard(
    reader: AnswerReader,
    frame: bytes,
    kind: Kind = Kind.STRUCTURED,
    fetch: Callable[[int], LongText] = no_shelf,
    begun: tuple[memoryview, ...] = (),
) -> Any:
    message = wire.unpack_from_worker(frame)
    assert isinstance(message, wire.Answer | wire.Refusal | wire.Question)
    return reader.outcome(tool_of(kind), message, fetch, begun)


@pytest.mark.parametrize("call", [0, 127, 128, 1 << 40])
@pytest.mark.parametrize("size", [0, 1, 255, 65_536, 900_000])
def test_what_a_worker_writes_by_hand_is_an_answer(reader: AnswerReader, call: int, size: int) -> None:
    text = b"x" * size
    frame = b"".join(wire.answer(call, Facts(size), text))
    assert wire.unpack_from_worker(frame) == wire.Answer(call, memoryview(wire.pack(Facts(size))), memoryview(text))
    assert heard(reader, frame, Kind.TEXT) == Succeeded(Facts(size), text=text.decode())
    assert heard(reader, b"".join(wire.answer(call, Facts(size)))) == Succeeded(Facts(size))


@pytest.mark.parametrize("rest", ["", '"end"'])
@pytest.mark.parametrize("notice", ["[Cut.]", msgspec.UNSET])
def test_a_text_that_went_ahead_is_put_together(
    reader: AnswerReader, rest: str, notice: str | msgspec.UnsetType
) -> None:
    begun = tuple(memoryview(msgspec.json.encode(piece))[1:-1] for piece in ('a "line"\n', "\u00fc\x01"))
    facts = Facts(1, notice)
    outcome = heard(reader, b"".join(wire.answer(1, facts, rest.encode())), Kind.TEXT, begun=begun)
    whole = Succeeded(facts, text='a "line"\n\u00fc\x01' + rest)
    for revision in REVISIONS.values():
        assert call_response(7, "t", outcome, revision) == call_response(7, "t", whole, revision)


def test_a_text_that_went_ahead_is_not_copied(reader: AnswerReader) -> None:
    begun = (memoryview(b"one"), memoryview(b"two"))
    outcome = heard(reader, b"".join(wire.answer(1, Facts(1), b"three")), Kind.TEXT, begun=begun)
    response = call_answer(7, "t", outcome, NEWEST_LEGACY)
    assert isinstance(response, LongResponse)
    one, two = begun
    first, second, last = response.parts()
    assert first[-1] is one
    assert second == (two,)
    assert second[0] is two
    assert last[0] == b"three"


@pytest.mark.parametrize("text", ["x", 'a "line"\n' * 9, "\u00fc\U0001f600\x01\x7f" * 100_000])
def test_a_text_on_a_shelf_is_answered_as_one_in_the_frame(reader: AnswerReader, text: str) -> None:
    laid = heard(
        reader, b"".join(wire.answer(1, Facts(1), len(text.encode()))), Kind.TEXT, lambda _: LongText([text.encode()])
    )
    sent = heard(reader, b"".join(wire.answer(1, Facts(1), text.encode())), Kind.TEXT)
    for revision in REVISIONS.values():
        assert call_response(7, "t", laid, revision) == call_response(7, "t", sent, revision)


@pytest.mark.parametrize(
    ("kind", "found", "begun"),
    [
        (Kind.TEXT, b"fine", (memoryview(b"begun"),)),
        (Kind.CONTENT, b"fine", ()),
        (Kind.STRUCTURED, b"fine", ()),
    ],
)
def test_what_does_not_belong_on_a_shelf_is_a_violation(
    kind: Kind, found: bytes, begun: tuple[memoryview, ...], reader: AnswerReader
) -> None:
    with pytest.raises(Violation):
        heard(reader, b"".join(wire.answer(1, Facts(1), len(found))), kind, lambda _: LongText([found]), begun)


def question(requests: object, state: object = b"") -> bytes:
    return msgspec.msgpack.encode(["question", 1, msgpack.packb(requests), state])


def test_an_honest_question_is_taken(reader: AnswerReader) -> None:
    request = form("Sure?", {"confirm": {"type": "boolean"}})
    outcome = heard(reader, wire.question(1, {"sure": request}, b"state"))
    assert outcome == Asked({"sure": request}, b"state")


HOSTILE_QUESTIONS: dict[str, object] = {
    "nothing": {},
    "too many": {str(number): SURE for number in range(MOST_REQUESTS + 1)},
    "a list": [SURE],
    "a number": 7,
    "another method": {"a": ["tools/call", {}]},
    "a method that is no text": {"a": [1, {}]},
    "params that are no object": {"a": ["elicitation/create", []]},
    "an item too much": {"a": [*SURE, 1]},
    "a key that is no text": {1: SURE},
    "a key within that is no text": {"a": ["elicitation/create", {"message": {1: 2}}]},
    "bytes": {"a": ["elicitation/create", {"message": b"x"}]},
    "a long text": {"a": ["elicitation/create", {"message": "x" * 20_000}]},
    "a long list": {"a": ["elicitation/create", {"message": [0] * 300}]},
    "many members": {"a": ["elicitation/create", {str(number): 0 for number in range(100)}]},
    "many small items": {"a": ["elicitation/create", {"m": [["x"] * 200 for _ in range(200)]}]},
}


@pytest.mark.parametrize("case", HOSTILE_QUESTIONS)
def test_a_question_that_nobody_honest_asks_is_a_violation(case: str, reader: AnswerReader) -> None:
    with pytest.raises(Violation):
        heard(reader, question(HOSTILE_QUESTIONS[case]))


@pytest.mark.parametrize("opening", [b"\x91", b"\x81\xa0"])
def test_a_deep_question_is_a_violation(opening: bytes, reader: AnswerReader) -> None:
    for depth in (1, 10, 29, *range(40, 1100, 50), 15_000):
        packed = b"\x81\xa1a\x92" + msgpack.packb("elicitation/create") + b"\x81\xa1m" + opening * depth + b"\xc0"
        if len(packed) > wire.QUESTION_BYTES:
            continue
        frame = msgspec.msgpack.encode(["question", 1, packed, b""])
        if depth < 30:
            msgspec.json.encode(heard(reader, frame).requests)
            continue
        with pytest.raises(Violation):
            heard(reader, frame)


@pytest.mark.parametrize(
    "packed", [b"", b"\xc1", b"\xdf\xff\xff\xff\xff", b"\x81\xa1a", b"\x81\xa2\xff\xfe\x92\xa1x\x80"]
)
def test_bytes_that_are_no_question_are_a_violation(packed: bytes, reader: AnswerReader) -> None:
    with pytest.raises(Violation):
        heard(reader, msgspec.msgpack.encode(["question", 1, packed, b""]))


def test_too_much_state_is_a_violation(reader: AnswerReader) -> None:
    assert heard(reader, question({"a": SURE}, b"x" * STATE_BYTES)).state == b"x" * STATE_BYTES
    with pytest.raises(Violation):
        heard(reader, question({"a": SURE}, b"x" * (STATE_BYTES + 1)))


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf"), -1.0])
def test_progress_is_a_number_that_can_be_told(number: float) -> None:
    for done, total in ((number, None), (1.0, number)):
        with pytest.raises(wire.WireError):
            wire.unpack_from_worker(msgspec.msgpack.encode(["progress", 1, done, total, None]))
    assert wire.unpack_from_worker(msgspec.msgpack.encode(["progress", 1, 1.0, 2.0, "x"])) == wire.Progress(
        1, 1, 2, "x"
    )


@pytest.mark.parametrize(
    "frame",
    [
        ["progress", 1, 1.0, None, "x" * 2000],
        ["progress", 1, "1", None, None],
        ["progress", 1, 1.0, None],
        ["note", 1, 99, "x"],
        ["note", 1, 3, "x" * 20_000],
        ["note", 1, 3, b"x"],
        ["note", 1, "warning", "x"],
    ],
)
def test_reports_of_another_shape_are_undecodable(frame: list[object]) -> None:
    with pytest.raises(wire.WireError):
        wire.unpack_from_worker(msgspec.msgpack.encode(frame))


BODY = msgspec.msgpack.encode(Facts(1))
OTHER_BODY = msgspec.msgpack.encode({"size": "1"})
DEEP_BODY = (
    b"\x82" + msgspec.msgpack.encode("size") + b"\x01" + msgspec.msgpack.encode("more") + b"\x91" * 50_000 + b"\xc0"
)
BLOCKS = wire.pack_blocks((TextBlock("a"), ResourceBlock("file:///a", None, blob=b"x")))


@pytest.mark.parametrize(
    ("kind", "payload"), [(Kind.STRUCTURED, None), (Kind.TEXT, b"text"), (Kind.CONTENT, BLOCKS)], ids=str
)
def test_each_kind_of_tool_answers_in_its_own_way(kind: Kind, payload: bytes | None, reader: AnswerReader) -> None:
    outcome = heard(reader, msgspec.msgpack.encode(["answer", 1, BODY, payload]), kind)
    assert isinstance(outcome, Succeeded)
    assert (outcome.text is not None, outcome.blocks is not None) == (kind is Kind.TEXT, kind is Kind.CONTENT)


@pytest.mark.parametrize(
    ("kind", "body", "payload"),
    [
        (Kind.STRUCTURED, BODY, b"text"),
        (Kind.STRUCTURED, BODY, BLOCKS),
        (Kind.STRUCTURED, DEEP_BODY, None),
        (Kind.STRUCTURED, OTHER_BODY, None),
        (Kind.STRUCTURED, b"", None),
        (Kind.TEXT, BODY, None),
        (Kind.TEXT, BODY, b"\xff"),
        (Kind.TEXT, OTHER_BODY, b"text"),
        (Kind.CONTENT, BODY, None),
        (Kind.CONTENT, BODY, b"text"),
        (Kind.CONTENT, BODY, msgspec.msgpack.encode([["text", 7]])),
        (Kind.CONTENT, BODY, msgspec.msgpack.encode([["script", "x"]])),
        (Kind.CONTENT, BODY, b"\x91" * 5000),
    ],
)
def test_an_answer_of_another_kind_or_shape_is_a_violation(
    kind: Kind, body: bytes, payload: bytes | None, reader: AnswerReader
) -> None:
    with pytest.raises(Violation):
        heard(reader, msgspec.msgpack.encode(["answer", 1, body, payload]), kind)


def test_more_suggestions_than_the_protocol_allows_are_a_violation(reader: AnswerReader) -> None:
    for count in (100, 101):
        body = msgspec.msgpack.encode({"values": ["x"] * count})
        message = wire.unpack_from_worker(msgspec.msgpack.encode(["answer", 1, body, None]))
        assert isinstance(message, wire.Answer)
        if count == 100:
            assert isinstance(reader.outcome(complete.OPERATION, message, no_shelf), Succeeded)
            continue
        with pytest.raises(Violation):
            reader.outcome(complete.OPERATION, message, no_shelf)


def test_a_folded_answer_is_unfolded_or_a_violation(reader: AnswerReader) -> None:
    def outcome(body: Sequence[object]) -> object:
        message = wire.unpack_from_worker(msgspec.msgpack.encode(["answer", 1, msgspec.msgpack.encode(body), None]))
        assert isinstance(message, wire.Answer)
        return reader.outcome(list_directory.TOOL, message, no_shelf)

    entry = list_directory.Item("a", "file", 1, 2, "p/a")
    listing = list_directory.Listing(path="p", total=1, entries=[entry], truncated=False)
    assert outcome(["p", "a", ["file"], [1], [2]]) == Succeeded(listing)
    for wrong in (["p", "a", ["file"], [1], []], ["p", "a", ["file"], [1]], ["p", "a", ["file"], ["1"], [2]], [1] * 5):
        with pytest.raises(Violation):
            outcome(wrong)


def test_a_refusal_is_a_failure(reader: AnswerReader) -> None:
    outcome = heard(reader, wire.refuse(1, ToolFailure(Code.NOT_FOUND, "No.", near="a")))
    assert outcome == Failed(Code.NOT_FOUND, "No.", {"near": "a"})


def test_an_answer_of_very_many_blocks_is_refused(reader: AnswerReader) -> None:
    """A block of seven bytes would cost us a hundred times as much as that of a text."""
    for count in (wire.MOST_BLOCKS, wire.MOST_BLOCKS + 1):
        frame = b"".join(wire.answer(1, Facts(1), wire.pack_blocks((TextBlock(""),) * count)))
        if count > wire.MOST_BLOCKS:
            with pytest.raises(Violation):
                heard(reader, frame, Kind.CONTENT)
        else:
            assert isinstance(heard(reader, frame, Kind.CONTENT), Succeeded)
