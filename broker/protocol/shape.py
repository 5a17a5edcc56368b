"""The one place that turns an internal result into the wire shape of a revision."""

from collections.abc import Iterable

from filewarden.broker.protocol.errors import RequestId
from filewarden.broker.protocol.offered import OfferedTool
from filewarden.broker.protocol.outcome import Failed, Outcome, Succeeded
from filewarden.broker.protocol.response import HEAD, encode
from filewarden.broker.protocol.revisions import Revision

SERVER_NAME = "filewarden"
SERVER_TITLE = "Filewarden"
FACTS_PREFIX = b"io.filewarden/"
"""Before a tool's name: the key in a result's `_meta` of the facts about a text."""

_TEXT = b',"result":{"content":[{"type":"text","text":'
_STRUCTURED = b'}],"structuredContent":'
_META = b'}],"_meta":{"' + FACTS_PREFIX
_ERROR = b'}],"isError":true'
_STRUCTURED_ERROR = b'}],"isError":true,"structuredContent":'


def call_response(request_id: RequestId, tool: str, outcome: Outcome, revision: Revision) -> bytes:
    """Encode each part once and copy each part once."""
    match outcome:
        case Succeeded(text=None):
            return b"".join((HEAD, encode(request_id), _TEXT, *_structured(outcome, revision), b"}}"))
        case Succeeded():
            return b"".join((HEAD, encode(request_id), _TEXT, *_text(outcome, tool, revision), b"}}"))
        case Failed():
            return b"".join((HEAD, encode(request_id), _TEXT, *_failure(outcome, revision), b"}}"))


def _structured(outcome: Succeeded, revision: Revision) -> tuple[bytes, ...]:
    document = encode(outcome.result)
    text = encode(document.decode())
    return (text, _STRUCTURED, document) if revision.has_structured_content else (text, b"}]")


def _text(outcome: Succeeded, tool: str, revision: Revision) -> tuple[bytes, ...]:
    text = encode(outcome.text)
    if not revision.has_object_meta:
        return (text, b"}]")
    return (text, _META, tool.encode(), b'":', encode(outcome.result), b"}")


def _failure(outcome: Failed, revision: Revision) -> tuple[bytes, ...]:
    text = encode(f"Error: {outcome.message}")
    if not revision.has_structured_content:
        return (text, _ERROR)
    head = {"code": outcome.code, "message": outcome.message}
    # Twice, so that they come first and yet no detail can replace them.
    return (text, _STRUCTURED_ERROR, encode({"error": {**head, **outcome.details, **head}}))


def tools_list(tools: Iterable[OfferedTool], revision: Revision) -> bytes:
    """Render the result of `tools/list`: one page, in the order given."""
    return encode({"tools": [_entry(tool, revision) for tool in tools]})


def _entry(tool: OfferedTool, revision: Revision) -> dict[str, object]:
    entry: dict[str, object] = {"name": tool.name}
    if revision.has_titles:
        entry["title"] = tool.title
    entry["description"] = tool.description
    entry["inputSchema"] = tool.input_schema
    if tool.output_schema is not None and _may_declare(tool.output_schema, revision):
        entry["outputSchema"] = tool.output_schema
    if revision.has_tool_annotations:
        entry["annotations"] = tool.annotations
    return entry


def _may_declare(output_schema: dict[str, object], revision: Revision) -> bool:
    if revision.has_any_structured_root:
        return True
    return revision.has_structured_content and output_schema.get("type") == "object"


def initialize_result(server_version: str, instructions: str | None, revision: Revision) -> bytes:
    """Declare what works and nothing else."""
    server = {"name": SERVER_NAME, "version": server_version}
    if revision.has_titles:
        server["title"] = SERVER_TITLE
    result: dict[str, object] = {
        "protocolVersion": revision.name,
        "capabilities": {"tools": {}},
        "serverInfo": server,
    }
    if instructions is not None:
        result["instructions"] = instructions
    return encode(result)
