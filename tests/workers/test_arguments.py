import contextlib

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from filewarden.workers.arguments import LARGEST, ArgumentCheck
from filewarden.workers.catalogue import CATALOGUE, Catalogue
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.schemas import Schema, annotations, input_schema, output_schema
from filewarden.workers.tool import Tool
from filewarden.workers.tools.read_file import ReadFile
from filewarden.workers.tools.search_files import SearchFiles


def tool(name: str) -> Tool:
    found = CATALOGUE.find(name)
    assert found is not None
    return found


def refusal(name: str, raw: bytes) -> str:
    with pytest.raises(ToolFailure) as refused:
        ArgumentCheck(tool(name))(raw)
    assert refused.value.code is Code.INVALID_ARGUMENT
    refused.value.message.encode()
    return refused.value.message


ORDER = [
    "list_directory",
    "read_file",
    "search_files",
    "get_file_info",
    "search_text",
    "directory_tree",
    "read_multiple_files",
    "read_media_file",
    "list_allowed_directories",
]
SCANNING = {"search_files", "search_text", "directory_tree"}


def test_the_order_of_the_reading_tools_is_fixed() -> None:
    names = [one.name for one in CATALOGUE.offered(scan=True, write=False)]
    assert names == [name for name in ORDER if name in names]
    assert CATALOGUE.find("List_Directory") is None


def test_tools_that_scan_need_a_scan_worker() -> None:
    names = [one.name for one in CATALOGUE.offered(scan=False, write=False)]
    assert names == [name for name in ORDER if name not in SCANNING]
    assert isinstance(CATALOGUE.offered(scan=True, write=False), Catalogue)


def test_defaults_are_filled_in() -> None:
    assert ArgumentCheck(tool("search_files"))(b'{"pattern":"*"}') == SearchFiles(pattern="*")


def test_the_reference_spelling_is_accepted() -> None:
    check = ArgumentCheck(tool("search_files"))
    assert check(b'{"pattern":"*","excludePatterns":["a"]}') == SearchFiles(pattern="*", exclude=("a",))
    assert "exclude" in refusal("search_files", b'{"pattern":"*","excludePatterns":[],"exclude":[]}')


@pytest.mark.parametrize(
    ("name", "raw", "words"),
    [
        ("read_file", b"{}", ["path", "missing"]),
        ("read_file", b'{"pathh":"x"}', ["pathh", "'path'"]),
        ("read_file", b'{"path":"x","__proto__":1}', ["__proto__", "offset"]),
        ("list_allowed_directories", b'{"random_string":""}', ["random_string", "none"]),
        ("read_file", b'{"path":5}', ["path", "str"]),
        ("read_file", b'{"path":null}', ["path", "str"]),
        ("read_file", b'{"path":["x"]}', ["path", "str"]),
        ("read_file", b'{"path":true}', ["path", "str"]),
        ("read_file", b'{"path":{"toString":"x"}}', ["path", "str"]),
        ("read_file", b'{"path":""}', ["path", "length"]),
        ("read_file", b'{"path":"x","head":0}', ["head", ">= 1"]),
        ("read_file", b'{"path":"x","offset":-1}', ["offset", ">= 1"]),
        ("read_file", b'{"path":"x","offset":"5"}', ["offset", "int"]),
        ("read_file", b'{"path":"x","offset":1.5}', ["offset", "int"]),
        ("read_file", b'{"path":"x","offset":1e400}', ["offset", "range"]),
        ("read_file", b'{"path":"x","offset":NaN}', ["JSON"]),
        ("read_file", b'{"path":"x","limit":0}', ["limit", ">= 1"]),
        ("list_directory", b'{"sort_by":"date"}', ["sort_by", "name", "size", "modified"]),
        ("search_files", b'{"pattern":""}', ["pattern", "length"]),
        ("search_files", b'{"pattern":"*","max_results":0}', ["max_results", ">= 1"]),
        ("search_files", b'{"pattern":"*","max_results":"5"}', ["max_results", "int"]),
        ("search_files", b'{"pattern":"*","exclude":"a"}', ["exclude", "array"]),
        ("search_files", b'{"pattern":"*","recursive":"yes"}', ["recursive", "bool"]),
        ("search_files", b"[]", ["object"]),
        ("search_files", b"null", ["object"]),
        ("search_files", b'"{}"', ["object"]),
        ("search_files", b"{", ["JSON"]),
        ("search_files", b"\xff", ["JSON"]),
        ("search_files", b'{"pattern":"\\ud800"}', ["JSON"]),
        ("search_files", b'{"pattern":' + b"[" * 100_000, ["pattern"]),
    ],
)
def test_p24_p25_o13_j13_j14_a_wrong_argument_is_named_with_what_is_allowed(
    name: str, raw: bytes, words: list[str]
) -> None:
    sentence = refusal(name, raw)
    for word in words:
        assert word in sentence


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("read_file", b'{"path":"x","offset":9223372036854775808}'),
        ("search_files", b'{"pattern":"*","max_results":99999999999999999999}'),
        ("read_multiple_files", b'{"paths":["x"],"tail":9223372036854775808}'),
    ],
)
def test_a_number_that_no_frame_can_carry_is_refused(name: str, raw: bytes) -> None:
    assert str(LARGEST) in refusal(name, raw)


def test_the_greatest_number_is_taken_and_digits_in_a_text_are_no_number() -> None:
    check = ArgumentCheck(tool("read_file"))
    assert check(b'{"path":"x","offset":9223372036854775807}') == ReadFile(path="x", offset=LARGEST)
    assert check(b'{"path":"99999999999999999999"}') == ReadFile(path="9" * 20)


@given(st.text(max_size=300))
def test_j14_an_unknown_name_is_echoed_short_and_visible(name: str) -> None:
    import msgspec

    if name in ("path", "encoding", "offset", "limit", "head", "tail"):
        return
    sentence = refusal("read_file", msgspec.json.encode({name: 1}))
    assert len(sentence) < 500
    assert "\n" not in sentence


NAMES = sorted({field.encode_name for one in CATALOGUE.tools for field in msgspec.structs.fields(one.arguments)})
PLAIN = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
VALUES = PLAIN | st.lists(PLAIN | st.dictionaries(st.sampled_from(NAMES), PLAIN, max_size=2), max_size=2)


@pytest.mark.parametrize("one", CATALOGUE.tools, ids=lambda one: str(one.name))
@given(given=st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=8), VALUES, max_size=3))
@settings(max_examples=25)
def test_any_arguments_are_taken_or_refused(one: Tool, given: dict[str, object]) -> None:
    with contextlib.suppress(ToolFailure):
        assert isinstance(ArgumentCheck(one)(msgspec.json.encode(given)), one.arguments)


@pytest.mark.parametrize("one", CATALOGUE.tools, ids=lambda one: str(one.name))
def test_a_schema_is_plain_closed_and_described(one: Tool) -> None:
    schema = input_schema(one)
    assert (schema["type"], schema["additionalProperties"]) == ("object", False)
    # What a flag or a number means stands in its name, or else in its description; texts and lists need one.
    said = {name for name, argument in schema["properties"].items() if "description" in argument}
    assert said >= {
        name for name, argument in schema["properties"].items() if argument.get("type") not in ("boolean", "integer")
    }
    assert not {"$ref", "$defs", "$schema", "title"} & keys(schema)


def keys(schema: object) -> set[str]:
    if isinstance(schema, dict):
        return {str(key) for key in schema}.union(*(keys(value) for value in schema.values()))
    return set().union(*(keys(one) for one in schema)) if isinstance(schema, list) else set()


def test_results_have_a_schema_and_texts_have_none() -> None:
    assert output_schema(tool("read_file")) is None
    schema: Schema | None = output_schema(tool("list_directory"))
    assert schema is not None
    assert schema["type"] == "object"
    assert list(schema["properties"])[:4] == ["path", "total", "entries", "truncated"]


def test_hints_are_stated_where_they_have_a_meaning() -> None:
    for one in CATALOGUE:
        if not one.writes:
            assert annotations(one) == {"readOnlyHint": True, "openWorldHint": False}
    writing = msgspec.structs.replace(tool("read_file"), writes=True, destructive=True, idempotent=False)
    assert annotations(writing) == {
        "readOnlyHint": False,
        "destructiveHint": True,
        "idempotentHint": False,
        "openWorldHint": False,
    }
