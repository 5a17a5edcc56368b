"""Internal results to each revision's wire shape, held against the published schemas."""

from collections.abc import Callable

import jsonschema  # type: ignore[import-untyped]  # the package has no types
import msgspec
import pytest

from filewarden.broker.protocol.errors import ErrorCode, ProtocolError
from filewarden.broker.protocol.offer import Offer
from filewarden.broker.protocol.offered import OfferedTool
from filewarden.broker.protocol.outcome import Failed, Outcome, Succeeded
from filewarden.broker.protocol.response import error_response, result_response
from filewarden.broker.protocol.revisions import REVISIONS
from filewarden.broker.protocol.shape import call_response
from filewarden.config.version import VERSION
from filewarden.workers.errors import Code

LEGACY = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"]

Json = dict[str, object]
Validator = Callable[[str, str, object], None]

every_revision = pytest.mark.parametrize("version", LEGACY)


class Facts(msgspec.Struct):
    size: int
    name: str = 'a "quoted" \\ name\n\U0001f600'
    ratio: float = 0.5


def shaped(outcome: Outcome, version: str) -> Json:
    body = msgspec.json.decode(call_response(5, "read_file", outcome, REVISIONS[version]))
    assert body["jsonrpc"] == "2.0"
    assert body["id"] == 5
    result: Json = body["result"]
    return result


def text_of(result: Json) -> str:
    (block,) = msgspec.convert(result["content"], list[dict[str, str]])
    assert set(block) == {"type", "text"}
    assert block["type"] == "text"
    return block["text"]


@every_revision
def test_a_structured_result_stands_in_the_text_and_where_defined_beside_it(version: str, validate: Validator) -> None:
    result = shaped(Succeeded(Facts(3)), version)
    validate(version, "CallToolResult", result)
    expected = {"size": 3, "name": 'a "quoted" \\ name\n\U0001f600', "ratio": 0.5}
    assert msgspec.json.decode(text_of(result)) == expected
    assert text_of(result).startswith('{"size":3,"name"')
    if version >= "2025-06-18":
        assert result["structuredContent"] == expected
    assert set(result) == {"content"} | ({"structuredContent"} if version >= "2025-06-18" else set())


@every_revision
def test_a_text_result_has_its_facts_in_meta_where_defined(version: str, validate: Validator) -> None:
    result = shaped(Succeeded(Facts(3, "n"), 'line "1"\nline 2 \u2028é'), version)
    validate(version, "CallToolResult", result)
    assert text_of(result) == 'line "1"\nline 2 \u2028é'
    if version >= "2025-06-18":
        assert result["_meta"] == {"io.filewarden/read_file": {"size": 3, "name": "n", "ratio": 0.5}}
    assert set(result) == {"content"} | ({"_meta"} if version >= "2025-06-18" else set())


class Noted(msgspec.Struct):
    notice: str | msgspec.UnsetType = msgspec.UNSET


@every_revision
def test_what_a_reader_must_know_of_a_text_stands_in_a_block_after_it(version: str, validate: Validator) -> None:
    result = shaped(Succeeded(Noted('[Cut: go on with "offset".]'), "text"), version)
    validate(version, "CallToolResult", result)
    assert result["content"] == [
        {"type": "text", "text": "text"},
        {"type": "text", "text": '[Cut: go on with "offset".]'},
    ]
    assert text_of(shaped(Succeeded(Noted(), "text"), version)) == "text"


@every_revision
def test_an_empty_text_is_a_text(version: str) -> None:
    assert text_of(shaped(Succeeded(Facts(0), ""), version)) == ""


@every_revision
def test_a_failure_is_a_result_with_its_code_where_defined(version: str, validate: Validator) -> None:
    failed = Failed(Code.TOO_LARGE, 'File too large: use "offset".', {"size": 9, "tools": ["read_file"]})
    result = shaped(failed, version)
    validate(version, "CallToolResult", result)
    assert text_of(result) == 'Error: File too large: use "offset".'
    assert result["isError"] is True
    if version >= "2025-06-18":
        error = {"code": "too_large", "message": failed.message, "size": 9, "tools": ["read_file"]}
        assert result["structuredContent"] == {"error": error}
    else:
        assert set(result) == {"content", "isError"}


def test_a_detail_cannot_replace_the_code_or_the_message() -> None:
    result = shaped(Failed(Code.TIMEOUT, "Too slow.", {"code": "ok", "message": "fine"}), "2025-11-25")
    assert result["structuredContent"] == {"error": {"code": "timeout", "message": "Too slow."}}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_json_lacks_becomes_null(value: float) -> None:
    result = shaped(Succeeded(Facts(1, "n", value)), "2025-11-25")
    assert result["structuredContent"] == {"size": 1, "name": "n", "ratio": None}


def test_a_response_is_one_line() -> None:
    body = call_response(1, "read_file", Succeeded(Facts(1), "a\nb\r\n"), REVISIONS["2025-11-25"])
    assert b"\n" not in body
    assert b"\r" not in body


@every_revision
def test_the_tool_list_shows_what_the_revision_defines(version: str, offer: Offer, validate: Validator) -> None:
    listing = offer.tools_list(REVISIONS[version])
    assert offer.tools_list(REVISIONS[version]) is listing
    result = msgspec.json.decode(listing)
    validate(version, "ListToolsResult", result)
    assert set(result) == {"tools"}
    facts, reading = result["tools"]
    assert [facts["name"], reading["name"]] == ["get_file_info", "read_file"]
    expected = {"name", "description", "inputSchema"}
    expected |= {"annotations"} if version >= "2025-03-26" else set()
    expected |= {"title"} if version >= "2025-06-18" else set()
    assert set(reading) == expected
    assert set(facts) == expected | ({"outputSchema"} if version >= "2025-06-18" else set())


def test_the_published_schemas_do_refuse(validate: Validator) -> None:
    for version in LEGACY:
        with pytest.raises(jsonschema.ValidationError):
            validate(version, "CallToolResult", {"content": [{"type": "text"}]})


def test_schemas_go_out_as_they_are(tools: list[OfferedTool]) -> None:
    odd: Json = {"type": "object", "$defs": {"a": {"$anchor": "x"}}, "allOf": [{"anyOf": [{}]}], "if": {}, "then": {}}
    tool = msgspec.structs.replace(tools[0], schemas=lambda: (odd, None))
    result = msgspec.json.decode(Offer([tool]).tools_list(REVISIONS["2025-11-25"]))
    assert result["tools"][0]["inputSchema"] == odd


def test_an_output_schema_without_object_root_is_left_to_the_modern_revision(tools: list[OfferedTool]) -> None:
    offer = Offer([msgspec.structs.replace(tools[0], schemas=lambda: ({}, {"type": "array"}))])
    shown = {
        name: "outputSchema" in msgspec.json.decode(offer.tools_list(each))["tools"][0]
        for name, each in REVISIONS.items()
    }
    assert [name for name, has_it in shown.items() if has_it] == ["2026-07-28"]


@every_revision
def test_the_welcome_names_the_server_and_declares_only_tools(version: str, offer: Offer, validate: Validator) -> None:
    result = msgspec.json.decode(offer.initialize_result(REVISIONS[version]))
    validate(version, "InitializeResult", result)
    assert result["protocolVersion"] == version
    assert result["capabilities"] == {"tools": {}}
    assert result["serverInfo"]["name"] == "filewarden"
    assert result["serverInfo"]["version"] == VERSION
    assert ("title" in result["serverInfo"]) is (version >= "2025-06-18")
    assert result["instructions"] == "Paths are relative to the root."


def test_without_instructions_the_member_is_absent(tools: list[OfferedTool]) -> None:
    result = msgspec.json.decode(Offer(tools).initialize_result(REVISIONS["2025-11-25"]))
    assert "instructions" not in result


@pytest.mark.parametrize("request_id", [0, -1, 7, 2**63, 10**40, "", "1", 'a"b', "é"])
def test_an_id_is_echoed_with_its_type(request_id: int | str) -> None:
    for body in (
        result_response(request_id, b"{}"),
        error_response(ProtocolError(ErrorCode.INTERNAL_ERROR, "Internal error"), request_id),
        call_response(request_id, "read_file", Succeeded(Facts(1), "t"), REVISIONS["2025-11-25"]),
    ):
        found = msgspec.json.decode(body)["id"]
        assert (found, type(found)) == (request_id, type(request_id))


def test_an_error_without_id_omits_it_or_says_null_and_carries_its_data() -> None:
    error = ProtocolError(ErrorCode.PARSE_ERROR, "Parse error", {"why": "x"})
    wire = {"code": -32700, "message": "Parse error", "data": {"why": "x"}}
    assert msgspec.json.decode(error_response(error, None)) == {"jsonrpc": "2.0", "error": wire}
    assert msgspec.json.decode(error_response(error, None, null_id=True)) == {
        "jsonrpc": "2.0",
        "id": None,
        "error": wire,
    }
