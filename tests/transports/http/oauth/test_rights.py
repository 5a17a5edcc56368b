"""What messages need, and how lacking it is told."""

import json
from typing import Any

import pytest

from filewarden.broker.protocol.jsonrpc import decode
from filewarden.broker.protocol.principal import Principal
from filewarden.transports.http.oauth.challenge import Challenges
from filewarden.transports.http.oauth.rights import Rights

METADATA = "https://files.example/.well-known/oauth-protected-resource/mcp"
READ, WRITE = "files:read", "files:write"


def message(method: str, params: Any = None, **more: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}, **more}


def call(tool: Any) -> dict[str, Any]:
    return message("tools/call", {"name": tool, "arguments": {}})


def needed(held: set[str] | None, *messages: Any, required: tuple[str, ...] = (READ,)) -> str | None:
    """The scopes of the challenge; None when the messages may pass."""
    rights = Rights(required, {"": frozenset({"write_file"})}, Challenges(METADATA, required))
    principal = Principal("x", None if held is None else frozenset(held))
    document = messages[0] if len(messages) == 1 else list(messages)
    refusal = rights.refusal(principal, decode(json.dumps(document).encode()) if messages else None)
    if refusal is None:
        return None
    assert refusal.status == 403
    challenge = dict(refusal.headers)[b"www-authenticate"].decode()
    assert 'error="insufficient_scope"' in challenge
    assert f'resource_metadata="{METADATA}"' in challenge
    return challenge.partition('scope="')[2].partition('"')[0]


@pytest.mark.parametrize(
    ("held", "document", "expected"),
    [
        ({READ}, call("read_file"), None),
        ({WRITE}, call("read_file"), None),
        ({READ, WRITE}, call("write_file"), None),
        ({WRITE}, call("write_file"), None),
        (None, call("write_file"), None),
        ({READ}, call("write_file"), "files:read files:write"),
        (set(), call("write_file"), "files:read files:write"),
        (set(), call("read_file"), READ),
        ({"other"}, message("initialize"), READ),
        ({READ}, message("tools/list"), None),
        ({READ}, call(["write_file"]), None),
        ({READ}, call("unknown"), None),
        ({READ}, {**call("write_file"), "id": None}, None),  # no request: nothing will be called
        ({READ}, "garbage", None),
    ],
)
def test_what_a_message_needs(held: set[str] | None, document: Any, expected: str | None) -> None:
    assert needed(held, document) == expected


def test_a_batch_needs_what_its_messages_need() -> None:
    assert needed({READ}, call("read_file"), call("write_file")) == "files:read files:write"
    assert needed({READ}, call("read_file"), call("read_file")) is None
    assert needed({READ}, *[call("write_file")] * 51) is None  # refused as a whole


def test_an_endpoint_needs_the_required_scopes() -> None:
    assert needed(set()) == READ
    assert needed({READ}) is None
    assert needed({READ}, required=(READ, "team:blue")) == "files:read team:blue"
    assert needed(set(), required=()) is None
    assert needed({"team:blue"}, call("write_file"), required=("team:blue",)) == "team:blue files:write"


def test_an_escaped_name_is_the_name() -> None:
    rights = Rights((READ,), {"": frozenset({"write_file"})}, Challenges(METADATA, (READ,)))
    body = rb'{"jsonrpc":"2.0","id":1,"method":"tools\/call","params":{"name":"x","name":"write\u005ffile"}}'
    assert rights.refusal(Principal("x", frozenset({READ})), decode(body)) is not None


def test_tools_that_write_come_with_other_settings() -> None:
    rights = Rights((READ,), {}, Challenges(METADATA, (READ,)))
    writing = decode(json.dumps(call("write_file")).encode())
    reader = Principal("x", frozenset({READ}))
    assert rights.refusal(reader, writing) is None
    rights.renew({"": frozenset({"write_file"})})
    assert rights.refusal(reader, writing) is not None


def test_a_profile_has_tools_that_write_of_its_own() -> None:
    rights = Rights((READ,), {"": frozenset({"write_file"}), "builds": frozenset()}, Challenges(METADATA, (READ,)))
    writing = decode(json.dumps(call("write_file")).encode())
    assert rights.refusal(Principal("x", frozenset({READ})), writing) is not None
    assert rights.refusal(Principal("builds/x", frozenset({READ}), profile="builds"), writing) is None
