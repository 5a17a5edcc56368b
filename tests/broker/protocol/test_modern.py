"""Requests that bring their own terms: the order of the checks, discovery, and how a connection finds its era."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from filewarden.broker.protocol.negotiation import Eras
from filewarden.broker.protocol.offer import Offer
from filewarden.broker.protocol.session import Session
from filewarden.workers.note_level import NoteLevel

Json = dict[str, Any]
OpenClient = Callable[..., Any]
Validator = Callable[[str, str, object], None]

NEWEST = "2026-07-28"
VERSION = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
LEVEL = "io.modelcontextprotocol/logLevel"
ENVELOPE = {VERSION: NEWEST, CAPABILITIES: {}}
OPENING = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}


def send(session: Session, method: str, params: object, request_id: object = 1) -> tuple[Json, int]:
    frame = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
    exchange = session.receive(msgspec.json.encode(frame))
    assert exchange.answer is not None
    return msgspec.json.decode(bytes(exchange.answer)), exchange.status


def error_of(session: Session, method: str, params: object) -> tuple[int, int]:
    """The code, and the status over HTTP."""
    answer, status = send(session, method, params, request_id="")
    assert set(answer) == {"jsonrpc", "id", "error"}
    assert answer["id"] == ""
    return answer["error"]["code"], status


@pytest.fixture(params=[Eras.BOTH, Eras.MODERN])
def modern(request: pytest.FixtureRequest, full: Offer) -> Session:
    return Session(full, request.param)


# The ladder: each fault beside every later one.

WRONG: dict[str, tuple[Json, tuple[int, int]]] = {
    "no envelope": ({}, (-32602, 400)),
    "no version": ({CAPABILITIES: {}}, (-32602, 400)),
    "no capabilities": ({VERSION: "1"}, (-32602, 400)),
    "a version that is no text": ({VERSION: 20260728, CAPABILITIES: []}, (-32602, 400)),
    "a version of another era": ({VERSION: "2025-11-25", CAPABILITIES: [], LEVEL: "?"}, (-32022, 400)),
    "an unknown version": ({VERSION: "2099-01-01", CAPABILITIES: []}, (-32022, 400)),
    "capabilities that are no object": ({VERSION: NEWEST, CAPABILITIES: [], LEVEL: "?"}, (-32602, 400)),
    "wrong capabilities": ({VERSION: NEWEST, CAPABILITIES: {"elicitation": 1}}, (-32602, 400)),
    "an unknown level": ({VERSION: NEWEST, CAPABILITIES: {}, LEVEL: "loud"}, (-32602, 400)),
    "a level in capitals": ({VERSION: NEWEST, CAPABILITIES: {}, LEVEL: "Info"}, (-32602, 400)),
    "a level that is no text": ({VERSION: NEWEST, CAPABILITIES: {}, LEVEL: 3}, (-32602, 400)),
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("method", ["tools/call", "no/such", "initialize", "ping"])
def test_a_wrong_envelope_comes_before_method_and_params(case: str, method: str, full: Offer) -> None:
    meta, expected = WRONG[case]
    assert error_of(Session(full, Eras.MODERN), method, {"_meta": meta, "name": 7}) == expected


@pytest.mark.parametrize("params", [None, [], 7, "x", {"_meta": None}, {"_meta": []}, {"_meta": 1}])
def test_params_without_a_meta_object_lack_the_envelope(params: object, full: Offer) -> None:
    frame = {"jsonrpc": "2.0", "id": 0, "method": "tools/list"} | ({} if params is None else {"params": params})
    exchange = Session(full, Eras.MODERN).receive(msgspec.json.encode(frame))
    assert exchange.answer is not None
    answer = msgspec.json.decode(bytes(exchange.answer))
    assert (answer["id"], answer["error"]["code"], exchange.status) == (0, -32602, 400)


@pytest.mark.parametrize(
    "method",
    [
        "initialize",
        "ping",
        "logging/setLevel",
        "resources/subscribe",
        "resources/unsubscribe",
        "tasks/list",
        "tasks/result",
        "notifications/initialized",
        "roots/list",
        "no/such",
        "Tools/call",
        "",
    ],
)
def test_removed_and_unknown_methods_do_not_exist(method: str, modern: Session) -> None:
    assert send(modern, "tools/list", {"_meta": ENVELOPE})[1] == 200
    assert error_of(modern, method, {"_meta": ENVELOPE, "level": "info", "uri": "file:///R"}) == (-32601, 404)


def test_an_unsupported_version_is_told_what_is_served(modern: Session) -> None:
    answer, _ = send(modern, "tools/list", {"_meta": {**ENVELOPE, VERSION: "2099-01-01"}})
    found, _ = send(modern, "server/discover", {"_meta": ENVELOPE})
    assert answer["error"]["data"] == {"supported": [NEWEST], "requested": "2099-01-01"}
    assert answer["error"]["data"]["supported"] == found["result"]["supportedVersions"]


# Discovery


def test_discovery_declares_what_is_offered(modern: Session, validate: Validator) -> None:
    answer, status = send(modern, "server/discover", {"_meta": ENVELOPE}, request_id=0)
    assert (answer["id"], status) == (0, 200)
    validate(NEWEST, "DiscoverResult", answer["result"])
    assert answer["result"]["capabilities"] == {
        "tools": {"listChanged": True},
        "resources": {"subscribe": True, "listChanged": True},
        "prompts": {"listChanged": True},
        "completions": {},
        "logging": {},
        "extensions": {"io.modelcontextprotocol/tasks": {}},
    }
    assert "serverInfo" not in answer["result"]


def test_what_is_not_offered_is_neither_declared_nor_found(offer: Offer) -> None:
    session = Session(offer, Eras.MODERN)
    answer, _ = send(session, "server/discover", {"_meta": ENVELOPE})
    assert answer["result"]["capabilities"] == {"tools": {}}
    for method in (
        "resources/list",
        "resources/read",
        "resources/templates/list",
        "prompts/list",
        "prompts/get",
        "completion/complete",
        "subscriptions/listen",
        "tasks/get",
        "tasks/update",
        "tasks/cancel",
    ):
        assert error_of(session, method, {"_meta": ENVELOPE}) == (-32601, 404), method


# Which era a connection speaks


@pytest.mark.parametrize("probes", [1, 3])
def test_a_probe_decides_nothing(probes: int, full: Offer) -> None:
    for ending in ("initialize", "tools/list"):
        session = Session(full)
        for _ in range(probes):
            assert "result" in send(session, "server/discover", {"_meta": ENVELOPE})[0]
        params = OPENING if ending == "initialize" else {"_meta": ENVELOPE}
        assert "result" in send(session, ending, params)[0]


@pytest.mark.parametrize("meta", [{**ENVELOPE, VERSION: "2099-01-01"}, {VERSION: NEWEST}, {**ENVELOPE, LEVEL: "?"}])
@pytest.mark.parametrize("method", ["server/discover", "tools/list"])
def test_a_request_that_failed_its_checks_decides_nothing(meta: Json, method: str, full: Offer) -> None:
    session = Session(full)
    assert error_of(session, method, {"_meta": meta})[1] == 400
    assert "result" in send(session, "initialize", OPENING)[0]


@pytest.mark.parametrize("method", ["tools/list", "no/such", "ping"])
def test_after_a_modern_request_nothing_can_be_initialized(method: str, full: Offer) -> None:
    session = Session(full)
    send(session, method, {"_meta": ENVELOPE})
    answer, _ = send(session, "initialize", OPENING)
    assert answer["error"]["code"] == -32022
    assert answer["error"]["data"] == {"supported": [NEWEST], "requested": "2025-06-18"}
    assert send(session, "initialize", {})[0]["error"]["data"]["requested"] == ""
    assert error_of(session, "tools/list", {}) == (-32602, 400)
    assert "result" in send(session, "tools/list", {"_meta": ENVELOPE})[0]


def test_initialize_with_an_envelope_on_it_still_opens_the_legacy_era(full: Offer) -> None:
    session = Session(full)
    assert "result" in send(session, "initialize", {**OPENING, "_meta": ENVELOPE})[0]
    assert error_of(session, "tools/list", {"_meta": ENVELOPE})[0] == -32600
    assert "result" in send(session, "tools/list", {})[0]


def test_notifications_decide_nothing(full: Offer) -> None:
    session = Session(full)
    for params in ({}, {"_meta": ENVELOPE}):
        frame = {"jsonrpc": "2.0", "method": "notifications/initialized", "params": params}
        assert session.receive(msgspec.json.encode(frame)).answer is None
    assert "result" in send(session, "initialize", OPENING)[0]


def test_an_http_session_of_the_legacy_era_takes_no_envelope(full: Offer) -> None:
    assert error_of(Session(full, Eras.LEGACY), "server/discover", {"_meta": ENVELOPE})[0] == -32600


@pytest.mark.parametrize("frame", [b"[]", b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]'])
def test_there_are_no_batches(frame: bytes, modern: Session) -> None:
    send(modern, "tools/list", {"_meta": ENVELOPE})
    exchange = modern.receive(frame)
    assert exchange.answer is not None
    answer = msgspec.json.decode(bytes(exchange.answer))
    assert (answer["error"]["code"], exchange.status, "id" in answer) == (-32600, 400, False)


# Nothing is remembered


def test_each_request_stands_for_itself(client_of: OpenClient) -> None:
    client = client_of(NEWEST, elicitation={})
    loud = client.call(request_id=1, **{LEVEL: "debug"})
    client.capabilities = {"extensions": {"io.modelcontextprotocol/tasks": {}}}
    silent = client.call(request_id=2)
    assert (loud.terms.log_level, loud.terms.askable, loud.terms.has_tasks) == (
        NoteLevel.DEBUG,
        ("elicitation/create",),
        False,
    )
    assert (silent.terms.log_level, silent.terms.askable, silent.terms.has_tasks) == (None, (), True)


@pytest.mark.parametrize(
    ("declared", "askable"),
    [
        ({}, ()),
        ({"elicitation": {}}, ("elicitation/create",)),
        ({"elicitation": {"form": {}}}, ("elicitation/create",)),
        ({"elicitation": {"form": {}, "url": {}}}, ("elicitation/create",)),
        ({"elicitation": {"url": {}}}, ()),
        ({"sampling": {}, "roots": {}}, ("sampling/createMessage", "roots/list")),
    ],
)
def test_only_what_a_client_declares_can_be_asked(
    declared: Json, askable: tuple[str, ...], client_of: OpenClient
) -> None:
    assert client_of(NEWEST, **declared).call().terms.askable == askable
    assert client_of("2025-11-25", **declared).call().terms.askable == askable
    older = tuple(each for each in askable if each != "elicitation/create")
    assert client_of("2025-03-26", **declared).call().terms.askable == older


def test_an_id_may_return_once_it_is_answered(client_of: OpenClient) -> None:
    client = client_of(NEWEST)
    client.call(request_id=0)
    assert client.ask("tools/list", request_id=0)["error"]["code"] == -32600
    client.call(request_id="0")
    assert set(client.session.in_flight) == {0, "0"}
