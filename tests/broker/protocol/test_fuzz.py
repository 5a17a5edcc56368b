"""Whatever a client sends, a session returns; and each request is answered exactly once."""

from collections import Counter

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from filewarden.broker.protocol.actions import CancelCall, Exchange, StartCall
from filewarden.broker.protocol.envelope import client_name, name_of
from filewarden.broker.protocol.jsonrpc import AnyRequest, Batch, decode, members
from filewarden.broker.protocol.negotiation import Eras
from filewarden.broker.protocol.offer import Offer
from filewarden.broker.protocol.outcome import Failed, Outcome, Succeeded
from filewarden.broker.protocol.session import Session
from filewarden.workers.errors import Code

Json = dict[str, object]
PREFIX = "io.modelcontextprotocol/"
ENVELOPE = ("protocolVersion", "clientCapabilities", "clientInfo", "logLevel")

quick = settings(
    max_examples=150, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

METHODS = [
    "initialize",
    "ping",
    "tools/list",
    "tools/call",
    "server/discover",
    "notifications/cancelled",
    "no/such",
    "",
]
WORDS = ["jsonrpc", "2.0", "id", "method", "params", "name", "arguments", "_meta", "cursor", "requestId", *METHODS]

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5),
    max_leaves=12,
)
params = values | st.fixed_dictionaries(
    {"name": st.sampled_from(["read_file", "get_file_info", "none"])},
    optional={"arguments": values | st.just({"path": "a"}), "_meta": values},
)
envelopes = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0") | values, "method": st.sampled_from(METHODS) | values},
    optional={"id": st.integers(0, 3) | st.sampled_from(["", "1"]) | values, "params": params},
)
frames = (
    st.binary(max_size=60)
    | (envelopes | values | st.lists(envelopes | values, max_size=4)).map(msgspec.json.encode)
    | st.tuples(envelopes.map(msgspec.json.encode), st.integers(0, 200), st.binary(max_size=2)).map(
        lambda cut: cut[0][: cut[1]] + cut[2] + cut[0][cut[1] :]
    )
)
versions = st.sampled_from([None, "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"])


class Facts(msgspec.Struct):
    size: int = 1


OUTCOMES: list[Outcome] = [Succeeded(Facts()), Succeeded(Facts(), "text"), Failed(Code.NOT_FOUND, "Not found.")]


@pytest.fixture
def sessions(offer: Offer) -> dict[str | None, Session]:
    """Sessions that live as long as the test, so that frames meet what earlier ones left behind."""
    found: dict[str | None, Session] = {None: Session(offer)}
    for version in ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"):
        found[version] = Session(offer)
        opening = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "f", "version": "0"}}
        found[version].receive(
            msgspec.json.encode({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": opening})
        )
    return found


@quick
@given(version=versions, sent=st.lists(frames, max_size=8))
def test_no_frame_makes_a_session_raise(
    version: str | None, sent: list[bytes], sessions: dict[str | None, Session]
) -> None:
    session = sessions[version]
    for frame in sent:
        exchange = session.receive(frame)
        assert exchange.running == sum(isinstance(each, StartCall) for each in exchange.actions) - sum(
            isinstance(each, CancelCall) and each.call in exchange.actions for each in exchange.actions
        )
        if exchange.answer is not None:
            answer = bytes(exchange.answer)
            msgspec.json.decode(answer)
            answer.decode()
            assert b"\n" not in answer


@quick
@given(sent=st.lists(st.binary(max_size=40), max_size=5))
def test_no_bytes_make_a_fresh_session_raise(sent: list[bytes], offer: Offer) -> None:
    session = Session(offer)
    for frame in sent:
        session.receive(frame)


def ids_in(exchange: Exchange | None) -> list[object]:
    if exchange is None or exchange.answer is None:
        return []
    found = msgspec.json.decode(bytes(exchange.answer))
    return [each["id"] for each in found] if isinstance(found, list) else [found["id"]]


requests = st.tuples(st.sampled_from([each for each in METHODS if each != "notifications/cancelled"]), params)


@quick
@given(data=st.data(), version=versions, asked=st.lists(st.lists(requests, min_size=1, max_size=5), max_size=6))
def test_every_request_is_answered_once_unless_cancelled(
    data: st.DataObject, version: str | None, asked: list[list[tuple[str, object]]], sessions: dict[str | None, Session]
) -> None:
    session = sessions[version]
    session.close()
    expected: set[object] = set()
    stopped: set[object] = set()
    answered: Counter[object] = Counter()
    running: list[StartCall] = []
    for group in asked:
        messages: list[Json] = []
        for method, given_params in group:
            request_id = f"r{len(expected)}"
            expected.add(request_id)
            messages.append({"jsonrpc": "2.0", "id": request_id, "method": method, "params": given_params})
        as_batch = session.revision is not None and session.revision.has_batches
        for frame in [messages] if as_batch else messages:
            exchange = session.receive(msgspec.json.encode(frame))
            running += [each for each in exchange.actions if isinstance(each, StartCall)]
            answered.update(ids_in(exchange))
    for call in data.draw(st.permutations(running)):
        if data.draw(st.booleans()):
            notice = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": call.request_id}}
            (action,) = session.receive(msgspec.json.encode(notice)).actions
            assert isinstance(action, CancelCall)
            answered.update(ids_in(action.ended))
            stopped.add(call.request_id)
        answered.update(ids_in(session.complete(call, data.draw(st.sampled_from(OUTCOMES)))))
    assert answered == Counter(expected - stopped)
    assert not session.in_flight


metas = st.dictionaries(
    st.sampled_from(["progressToken", "traceparent", *(PREFIX + key for key in ENVELOPE)]), values, max_size=3
) | st.fixed_dictionaries(
    {PREFIX + "protocolVersion": st.sampled_from(["2026-07-28", "2025-06-18", ""])},
    optional={
        PREFIX + "clientCapabilities": values | st.just({}),
        PREFIX + "clientInfo": values | st.just({"name": "f", "version": "0"}),
        PREFIX + "logLevel": values | st.just("info"),
        "progressToken": values | st.just("t"),
    },
)
usual = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0"), "id": st.integers(0, 3) | st.just("a"), "method": st.sampled_from(METHODS)},
    optional={
        "params": st.fixed_dictionaries(
            {"name": st.sampled_from(["read_file", "get_file_info", "none"]) | values},
            optional={
                "arguments": values | st.just({"path": "a"}),
                "_meta": metas | values,
                "inputResponses": values | st.just({"a": {"action": "accept"}}),
                "requestState": values,
            },
        )
    },
)


def seen(exchange: Exchange) -> tuple[object, ...]:
    """All that a driver gets to see."""
    calls = [msgspec.structs.astuple(each) for each in exchange.actions if isinstance(each, StartCall)]
    return exchange.answer, exchange.status, exchange.running, len(exchange.actions), calls


@settings(parent=quick, max_examples=250)
@given(version=versions, eras=st.sampled_from(Eras), sent=st.lists(usual | envelopes, max_size=4))
def test_a_frame_that_is_read_in_one_pass_means_what_it_means_member_by_member(
    version: str | None, eras: Eras, sent: list[Json], offer: Offer
) -> None:
    one, other = Session(offer, eras), Session(offer, eras)
    if version is not None:
        opening = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "f", "version": "0"}}
        for session in (one, other):
            session.receive(
                msgspec.json.encode({"jsonrpc": "2.0", "id": "open", "method": "initialize", "params": opening})
            )
    for message in sent:
        whole = decode(msgspec.json.encode(message))
        batch = decode(msgspec.json.encode([message]))
        assert isinstance(batch, Batch)
        (apart,) = members(batch)  # members of a batch are never read in one pass
        assert not isinstance(whole, Batch)
        assert seen(one.accept(whole)) == seen(other.accept(apart))
        assert one.client_name == other.client_name
        if isinstance(whole, AnyRequest) and isinstance(apart, AnyRequest):
            assert (client_name(whole), name_of(whole)) == (client_name(apart), name_of(apart))
        else:
            assert type(whole) is type(apart)
