"""The fixtures as a list: their order and names, and schemas that are shown as they were written."""

from filewarden.workers.schemas import input_schema
from tests.conformance.fixture.catalogue import FIXTURES
from tests.conformance.fixture.plain import JSON_SCHEMA_2020_12


def test_the_first_tool_takes_no_arguments() -> None:
    first = next(iter(FIXTURES))
    assert first.name == "test_simple_text"
    assert not input_schema(first).get("required")


def test_a_schema_of_its_own_is_shown_as_it_was_written() -> None:
    tool = FIXTURES.find("json_schema_2020_12_tool")
    assert tool is not None
    assert input_schema(tool) == JSON_SCHEMA_2020_12


def test_the_annotated_argument_names_its_header() -> None:
    tool = FIXTURES.find("test_x_mcp_header")
    assert tool is not None
    assert input_schema(tool)["properties"]["region"]["x-mcp-header"] == "Region"
