"""The one place that turns the outcome of a call into the wire shape of a revision."""

import functools
from typing import Any, Literal

import msgspec

from filewarden.broker.protocol.blocks import content_block, resource_contents
from filewarden.broker.protocol.errors import ErrorCode, ProtocolError, RequestId
from filewarden.broker.protocol.identity import STAMP, STAMP_MEMBER
from filewarden.broker.protocol.long_text import LongResponse, LongText, MadeText, Reply
from filewarden.broker.protocol.notifications import SUBSCRIPTION_KEY
from filewarden.broker.protocol.outcome import Asked, Failed, Outcome, Succeeded
from filewarden.broker.protocol.response import HEAD, encode, error_response, result_response
from filewarden.broker.protocol.revisions import Revision
from filewarden.workers.content import ResourceBlock
from filewarden.workers.errors import Code
from filewarden.workers.prompt import PromptMessages

Json = dict[str, object]
_NOT_THERE = (Code.NOT_FOUND, Code.ACCESS_DENIED, Code.INVALID_ARGUMENT, Code.NOT_A_DIRECTORY)
_CALLERS = (Code.INVALID_ARGUMENT, Code.TOO_LARGE, Code.UNSUPPORTED)


class Cache(msgspec.Struct, frozen=True):
    """How long a modern client may keep a result, in milliseconds, and whether other credentials may share it."""

    ttl_ms: int
    scope: Literal["public", "private"]


UNCACHED = Cache(0, "private")
LISTED = Cache(300_000, "public")
"""Lists that are the same for everybody, and told of when they change."""

FACTS_PREFIX = b"io.filewarden/"
"""Before a tool's name: the key in a result's `_meta` of the facts about a text."""

_OPENING = b',"result":{"content":['
_MODERN_OPENING = b',"result":{"resultType":"complete","content":['
_TEXT = b'{"type":"text","text":'
_STRUCTURED = b',"structuredContent":'
_IS_ERROR = b',"isError":true'
_META = b',"_meta":{'


def call_response(request_id: RequestId, tool: str, outcome: Outcome, revision: Revision) -> bytes:
    """The response to `tools/call`."""
    return bytes(call_answer(request_id, tool, outcome, revision))


def call_answer(request_id: RequestId, tool: str, outcome: Outcome, revision: Revision) -> Reply:
    """Likewise, where a long text may wait. Each part is encoded once and copied once; such a text is not copied."""
    if isinstance(outcome, Succeeded):
        is_plain = outcome.text is None and outcome.blocks is None
        parts = _structured(outcome, revision) if is_plain else _content(outcome, tool, revision)
    elif isinstance(outcome, Failed):
        parts = _failure(outcome, revision)
    else:
        return _result(request_id, _input_required(outcome))
    opening = _MODERN_OPENING if revision.has_result_type else _OPENING
    long_text = _long_text(outcome) if isinstance(outcome, Succeeded) else None
    if long_text is not None:
        head = b"".join((HEAD, encode(request_id), opening, _TEXT, b'"'))
        return LongResponse(head, long_text, b"".join((b'"', *parts, b"}}")))
    return b"".join((HEAD, encode(request_id), opening, *parts, b"}}"))


def _long_text(outcome: Succeeded) -> LongText | MadeText | None:
    """A text that is written piece by piece."""
    text = outcome.text
    if isinstance(text, str):
        return MadeText((*outcome.begun, *_rest(text))) if outcome.begun else None
    return text


def _rest(text: str) -> tuple[memoryview, ...]:
    return (memoryview(encode(text))[1:-1],) if text else ()


def _structured(outcome: Succeeded, revision: Revision) -> tuple[bytes, ...]:
    document = encode(outcome.result)
    text = encode(document.decode())
    if not revision.has_structured_content:
        return (_TEXT, text, b"}]")
    return (_TEXT, text, b"}]", _STRUCTURED, document, *_meta(b"", revision))


def _content(outcome: Succeeded, tool: str, revision: Revision) -> tuple[bytes, ...]:
    """The blocks, from the inside of their list on, and what follows; of a long text, what follows."""
    if outcome.text is None:
        blocks: tuple[bytes, ...] = (encode([content_block(block, revision) for block in outcome.blocks or ()])[1:],)
    else:
        # The text alone in its block; what a reader must know of it, which nobody shows from `_meta`, in a second one.
        notice = getattr(outcome.result, "notice", msgspec.UNSET)
        second = () if notice is msgspec.UNSET else (b"},", _TEXT, encode(notice))
        is_long = outcome.begun or isinstance(outcome.text, LongText)
        blocks = (*(() if is_long else (_TEXT, encode(outcome.text))), *second, b"}]")
    if not revision.has_object_meta:
        return blocks
    facts = _facts_key(tool) + encode(outcome.result)
    if revision.has_result_type:
        return (*blocks, *_meta(facts, revision))
    return (*blocks, _META, facts, b"}")


@functools.cache
def _facts_key(tool: str) -> bytes:
    return b'"' + FACTS_PREFIX + tool.encode() + b'":'


def _failure(outcome: Failed, revision: Revision) -> tuple[bytes, ...]:
    text = encode(f"Error: {outcome.message}")
    if not revision.has_structured_content:
        return (_TEXT, text, b"}]", _IS_ERROR)
    head = {"code": outcome.code, "message": outcome.message}
    # Twice, so that they come first and yet no detail can replace them.
    document = encode({"error": {**head, **outcome.details, **head}})
    return (_TEXT, text, b"}]", _IS_ERROR, _STRUCTURED, document, *_meta(b"", revision))


def _meta(members: bytes, revision: Revision) -> tuple[bytes, ...]:
    if revision.has_result_type:
        return (_META, members, b"," if members else b"", STAMP_MEMBER, b"}")
    return (_META, members, b"}") if members else ()


def _input_required(asked: Asked) -> Json:
    result: Json = {
        "resultType": "input_required",
        "inputRequests": {
            key: {"method": request.method, "params": request.params} for key, request in asked.requests.items()
        },
        "_meta": STAMP,
    }
    if asked.sealed_state is not None:
        result["requestState"] = asked.sealed_state
    return result


def resource_response(request_id: RequestId, uri: str, outcome: Outcome, revision: Revision) -> bytes:
    """The response to `resources/read`: what is absent, outside or denied looks the same."""
    match outcome:
        case Succeeded():
            contents = [resource_contents(block) for block in outcome.blocks or () if isinstance(block, ResourceBlock)]
            return complete_response(request_id, {"contents": contents}, revision, UNCACHED)
        case Asked():
            return _result(request_id, _input_required(outcome))
        case Failed():
            return error_response(resource_error(outcome, uri, revision), request_id)


def resource_error(failed: Failed, uri: str, revision: Revision) -> ProtocolError:
    """What is wrong with an address; where nothing is that a client may know of, nothing more is said."""
    if failed.code in _NOT_THERE:
        return ProtocolError(ErrorCode(revision.resource_not_found), "Resource not found", {"uri": uri})
    return _broken(failed)


def prompt_response(request_id: RequestId, outcome: Outcome, revision: Revision) -> bytes:
    """The response to `prompts/get`."""
    match outcome:
        case Succeeded(result=PromptMessages() as prompt):
            messages = [
                {"role": message.role, "content": content_block(message.content, revision)}
                for message in prompt.messages
            ]
            return complete_response(
                request_id, {"description": prompt.description, "messages": messages}, revision, None
            )
        case Asked():
            return _result(request_id, _input_required(outcome))
        case Failed():
            return error_response(_broken(outcome), request_id)
        case Succeeded():
            raise TypeError(type(outcome.result))


def completion_response(request_id: RequestId, outcome: Outcome, revision: Revision) -> bytes:
    """The response to `completion/complete`."""
    if isinstance(outcome, Succeeded):
        return complete_response(request_id, {"completion": msgspec.to_builtins(outcome.result)}, revision, None)
    return document_response(request_id, outcome, revision, None)


def document_response(request_id: RequestId, outcome: Outcome, revision: Revision, cache: Cache | None) -> bytes:
    """The response whose result is the operation's own result struct, less what the revision does not know."""
    match outcome:
        case Succeeded():
            document = msgspec.to_builtins(outcome.result)
            return complete_response(request_id, known(document, revision), revision, cache)
        case Asked():
            return _result(request_id, _input_required(outcome))
        case Failed():
            return error_response(_broken(outcome), request_id)


def complete_response(
    request_id: RequestId, body: Json, revision: Revision, cache: Cache | None, subscription: RequestId | None = None
) -> bytes:
    """A finished result with what the revision puts on every one; `cache` where it has the caching fields."""
    result = complete(body, revision, cache)
    if subscription is not None:
        result["_meta"] = {**STAMP, SUBSCRIPTION_KEY: subscription}
    return _result(request_id, result)


def complete(body: Json, revision: Revision, cache: Cache | None) -> Json:
    """The result object alone."""
    if not revision.has_result_type:
        return body
    caching: Json = {} if cache is None else {"ttlMs": cache.ttl_ms, "cacheScope": cache.scope}
    return {"resultType": "complete", **body, **caching, "_meta": STAMP}


def known(value: Any, revision: Revision) -> Any:
    """A document without the members that came with a later revision, at any depth."""
    if isinstance(value, list | tuple):
        return [known(each, revision) for each in value]
    if not isinstance(value, dict):
        return value
    unknown = {
        *(() if revision.has_titles else ("title",)),
        *(() if revision.has_icons else ("icons",)),
        *(() if revision.has_object_meta else ("_meta",)),
    }
    return {name: known(each, revision) for name, each in value.items() if name not in unknown}


def _result(request_id: RequestId, result: Json) -> bytes:
    return result_response(request_id, encode(result))


def _broken(failed: Failed) -> ProtocolError:
    """Outside of tools a failure is an error: the caller's where another request would do, else ours."""
    code = ErrorCode.INVALID_PARAMS if failed.code in _CALLERS else ErrorCode.INTERNAL_ERROR
    return ProtocolError(code, failed.message, {"code": failed.code, **failed.details})
