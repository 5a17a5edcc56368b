"""The result of every method in every revision, against the published schema of that revision."""

import base64
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from filewarden.broker.protocol import notifications
from filewarden.broker.protocol.offer import Offer
from filewarden.broker.protocol.outcome import Asked, Failed, Outcome, Succeeded
from filewarden.broker.protocol.revisions import REVISIONS
from filewarden.broker.protocol.session import Session
from filewarden.broker.protocol.shape import complete_response
from filewarden.workers.content import AudioBlock, Block, ImageBlock, LinkBlock, ResourceBlock, TextBlock
from filewarden.workers.errors import Code
from filewarden.workers.inquiry import InputRequest, form
from filewarden.workers.note_level import NoteLevel
from filewarden.workers.operations import Completion, NoFacts, Resource, Resources
from filewarden.workers.prompt import PromptMessage, PromptMessages

Json = dict[str, Any]
OpenClient = Callable[..., Any]
Validator = Callable[[str, str, object], None]

NEWEST = "2026-07-28"
VERSIONS = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", NEWEST]
every_revision = pytest.mark.parametrize("version", VERSIONS)
MODERN_ONLY = {"resultType", "ttlMs", "cacheScope"}
STAMP = {"io.modelcontextprotocol/serverInfo"}


class Facts(msgspec.Struct):
    size: int = 1


BLOCKS: tuple[Block, ...] = (
    TextBlock("a"),
    ImageBlock(b"\x89PNG", "image/png"),
    AudioBlock(b"RIFF", "audio/wav"),
    ResourceBlock("file:///R/a", "text/plain", text="a"),
    ResourceBlock("file:///R/b", None, blob=b"\0"),
    LinkBlock("file:///R/c", "c", title="C", description="c", mime_type="text/plain", size=3),
)
CALLS: dict[str, Outcome] = {
    "a result": Succeeded(Facts()),
    "a text": Succeeded(Facts(), text="text"),
    "blocks": Succeeded(Facts(), blocks=BLOCKS),
    "no blocks": Succeeded(Facts(), blocks=()),
    "a failure": Failed(Code.NOT_FOUND, "Not found.", {"did_you_mean": "a"}),
}
CONTENTS = (
    ResourceBlock("file:///R/a", "text/plain", text=""),
    ResourceBlock("file:///R/b", "image/png", blob=b"\x89"),
)
LISTED = Resources(
    (Resource(uri="file:///R", name="R", title="R", description="A root.", mime_type="inode/directory", size=0),),
    "sealed",
)
PROMPT = PromptMessages("A prompt.", tuple(PromptMessage("user", block) for block in BLOCKS))
REFERENCE = {"ref": {"type": "ref/resource", "uri": "file:///R/{+path}"}, "argument": {"name": "path", "value": "a"}}

DEFERRED: dict[str, tuple[str, Json, Outcome, str, bool]] = {
    **{
        f"tools/call: {name}": ("tools/call", {"name": "get_file_info"}, outcome, "CallToolResult", False)
        for name, outcome in CALLS.items()
    },
    "resources/list": ("resources/list", {}, Succeeded(LISTED), "ListResourcesResult", True),
    "resources/read": (
        "resources/read",
        {"uri": "file:///R/a"},
        Succeeded(NoFacts(), blocks=CONTENTS),
        "ReadResourceResult",
        True,
    ),
    "prompts/get": (
        "prompts/get",
        {"name": "explain", "arguments": {"topic": "x"}},
        Succeeded(PROMPT),
        "GetPromptResult",
        False,
    ),
    "completion/complete": (
        "completion/complete",
        REFERENCE,
        Succeeded(Completion(("a", "b"), total=2, has_more=False)),
        "CompleteResult",
        False,
    ),
}
AT_ONCE = {
    "tools/list": "ListToolsResult",
    "resources/templates/list": "ListResourceTemplatesResult",
    "prompts/list": "ListPromptsResult",
}


def check(version: str, definition: str, answer: Json, validate: Validator, *, is_cached: bool) -> Json:
    """The result of an answer that fits its revision, with every stamp that belongs to it and no other."""
    validate(version, "JSONRPCMessage", answer)
    result: Json = answer["result"]
    validate(version, definition, result)
    if version != NEWEST:
        assert not MODERN_ONLY & set(result)
        assert not STAMP & set(result.get("_meta", ()))
        return result
    assert result["resultType"] == "complete"
    assert set(result["_meta"]) >= STAMP
    assert ("ttlMs" in result, "cacheScope" in result) == (is_cached, is_cached)
    return result


@every_revision
@pytest.mark.parametrize("case", DEFERRED)
def test_a_result_fits_its_revision(case: str, version: str, client_of: OpenClient, validate: Validator) -> None:
    method, params, outcome, definition, is_cached = DEFERRED[case]
    client = client_of(version)
    answer = client.finish(client.begin(method, params, request_id="id"), outcome)
    assert answer["id"] == "id"
    check(version, definition, answer, validate, is_cached=is_cached)


@every_revision
@pytest.mark.parametrize("method", AT_ONCE)
def test_a_list_fits_its_revision(method: str, version: str, client_of: OpenClient, validate: Validator) -> None:
    answer = client_of(version).ask(method)
    check(version, AT_ONCE[method], answer, validate, is_cached=True)
    text = str(answer["result"])
    assert ("'title'" in text) == (version >= "2025-06-18")
    assert "nextCursor" not in answer["result"]


@pytest.mark.parametrize("version", VERSIONS[:-1])
def test_initialize_declares_what_works_in_the_revision(version: str, full: Offer, validate: Validator) -> None:
    params = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}
    exchange = Session(full).receive(
        msgspec.json.encode({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params})
    )
    assert exchange.answer is not None
    answer = msgspec.json.decode(bytes(exchange.answer))
    result = check(version, "InitializeResult", answer, validate, is_cached=False)
    declared = {"tools", "resources", "prompts", "logging"} | ({"completions"} if version > "2024-11-05" else set())
    assert set(result["capabilities"]) == declared
    assert result["capabilities"]["resources"] == {"subscribe": True, "listChanged": True}


@pytest.mark.parametrize("version", VERSIONS[:-1])
def test_empty_results_of_the_legacy_era_are_exactly_empty(version: str, client_of: OpenClient) -> None:
    client = client_of(version)
    assert client.ask("ping")["result"] == {}
    assert client.ask("logging/setLevel", {"level": "debug"})["result"] == {}
    for method in ("resources/subscribe", "resources/unsubscribe"):
        action = client.begin(method, {"uri": "file:///R/a"})
        exchange = client.session.resolve(action, {})
        assert msgspec.json.decode(bytes(exchange.answer))["result"] == {}


# What a revision does not know is said in what it does.


def blocks_in(version: str, client_of: OpenClient) -> list[Json]:
    client = client_of(version)
    content: list[Json] = client.finish(client.call(), CALLS["blocks"])["result"]["content"]
    return content


@every_revision
def test_sound_and_links_become_what_a_revision_knows(version: str, client_of: OpenClient) -> None:
    _, _, sound, _, _, link = blocks_in(version, client_of)
    if version >= "2025-03-26":
        assert sound["type"] == "audio"
    else:
        assert sound["resource"] == {
            "uri": "audio:",
            "mimeType": "audio/wav",
            "blob": base64.b64encode(b"RIFF").decode(),
        }
    if version >= "2025-06-18":
        assert (link["type"], link["size"]) == ("resource_link", 3)
    else:
        assert link == {"type": "text", "text": "c: file:///R/c"}


@every_revision
def test_members_of_later_revisions_are_left_out(version: str, client_of: OpenClient) -> None:
    client = client_of(version)
    (resource,) = client.finish(client.begin("resources/list"), Succeeded(LISTED))["result"]["resources"]
    assert ("title" in resource) == (version >= "2025-06-18")
    result = client.finish(client.call(), CALLS["a result"])["result"]
    assert ("structuredContent" in result) == (version >= "2025-06-18")
    tool = client.ask("tools/list")["result"]["tools"][0]
    assert ("annotations" in tool) == (version >= "2025-03-26")
    assert ("outputSchema" in tool) == (version >= "2025-06-18")
    assert "execution" not in tool


# Questions, tasks and subscriptions of the modern era.

QUESTIONS = {
    "tools/call": {"name": "get_file_info"},
    "prompts/get": {"name": "explain", "arguments": {"topic": "x"}},
    "resources/read": {"uri": "file:///R/a"},
}


@pytest.mark.parametrize("method", QUESTIONS)
def test_a_question_fits_the_schema(method: str, client_of: OpenClient, validate: Validator) -> None:
    client = client_of(NEWEST, elicitation={}, roots={})
    requests = {"name": form("Who?", {"name": {"type": "string"}}, ("name",)), "roots": InputRequest("roots/list")}
    action = client.begin(method, QUESTIONS[method])
    answer = client.finish(action, Asked(requests, b"secret", sealed_state="sealed"))
    validate(NEWEST, "JSONRPCMessage", answer)
    validate(NEWEST, "InputRequiredResult", answer["result"])
    result = answer["result"]
    assert (result["resultType"], result["requestState"]) == ("input_required", "sealed")
    assert not {"content", "contents", "messages", "ttlMs", "cacheScope"} & set(result)
    assert "secret" not in str(answer)


@pytest.mark.parametrize("subscription", [0, "", "x", 7])
def test_what_a_subscription_sends_fits_the_schema(subscription: object, validate: Validator) -> None:
    identity: Any = subscription
    frames = {
        "SubscriptionsAcknowledgedNotification": notifications.acknowledged(
            {"toolsListChanged": True, "resourceSubscriptions": ["file:///R"]}, identity
        ),
        "ToolListChangedNotification": notifications.list_changed("tools", identity),
        "PromptListChangedNotification": notifications.list_changed("prompts", identity),
        "ResourceListChangedNotification": notifications.list_changed("resources", identity),
        "ResourceUpdatedNotification": notifications.resource_updated("file:///R/a", identity),
    }
    for definition, frame in frames.items():
        message = msgspec.json.decode(frame)
        validate(NEWEST, definition, message)
        assert message["params"]["_meta"] == {"io.modelcontextprotocol/subscriptionId": subscription}
    ended = msgspec.json.decode(complete_response(identity, {}, REVISIONS[NEWEST], None, subscription=identity))
    validate(NEWEST, "SubscriptionsListenResult", ended["result"])
    assert ended["result"]["_meta"]["io.modelcontextprotocol/subscriptionId"] == subscription


@every_revision
def test_notifications_fit_their_revision(version: str, validate: Validator) -> None:
    revision = REVISIONS[version]
    frames = {
        "ProgressNotification": notifications.progress(0, 1.0, 2.5, "half", revision),
        "LoggingMessageNotification": notifications.log_message(NoteLevel.WARNING, "text"),
        "CancelledNotification": notifications.cancelled("id", "why"),
    }
    for definition, frame in frames.items():
        validate(version, definition, msgspec.json.decode(frame))
    params = msgspec.json.decode(frames["ProgressNotification"])["params"]
    assert params == {"progressToken": 0, "progress": 1, "total": 2.5} | (
        {} if version == "2024-11-05" else {"message": "half"}
    )


@pytest.mark.parametrize("version", VERSIONS[2:-1])
def test_a_question_to_a_legacy_client_fits_its_revision(version: str, validate: Validator) -> None:
    request = form("Who?", {"name": {"type": "string"}, "sure": {"type": "boolean"}}, ("name",))
    frame = msgspec.json.decode(notifications.request("filewarden-1", request.method, request.params))
    validate(version, "ElicitRequest", frame)
    assert "mode" not in frame["params"]
