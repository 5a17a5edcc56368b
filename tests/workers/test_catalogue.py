"""The table of tools says what the tools say of themselves, and loads them."""

import pytest

from filewarden.workers.catalogue import CATALOGUE, Catalogue, Listed
from filewarden.workers.tool import Tool

ENTRIES = [*CATALOGUE.entries, *CATALOGUE.listed_operations]
FACTS = ("name", "scans", "writes", "needs_history", "changes", "other_names")


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: str(entry.name))
def test_the_table_holds_what_the_tool_says(entry: Tool | Listed) -> None:
    assert isinstance(entry, Listed)
    tool = entry.load()
    assert {name: getattr(entry, name) for name in FACTS} == {name: getattr(tool, name) for name in FACTS}


def test_a_tool_is_the_same_whichever_way_it_is_found() -> None:
    tool = CATALOGUE.find("read_file")
    assert tool is CATALOGUE.operation("read_file") is CATALOGUE.tools[1]
    assert CATALOGUE.find("resources/read") is None
    assert CATALOGUE.operation("resources/read") in CATALOGUE.operations


def test_everything_is_loaded_one_by_one() -> None:
    catalogue = Catalogue(CATALOGUE.entries[:2])
    assert [catalogue.load_one() for _ in range(3)] == [True, True, False]
    assert catalogue.tools == CATALOGUE.tools[:2]


def test_what_was_made_by_hand_stands_beside_what_is_listed() -> None:
    made = CATALOGUE.tools[0]
    mixed = Catalogue([made, *CATALOGUE.entries[1:]])
    assert mixed.tools == CATALOGUE.tools
    assert [tool.name for tool in mixed.offered(scan=False, write=False)] == [
        "list_directory",
        "read_file",
        "get_file_info",
        "read_multiple_files",
        "read_media_file",
        "list_allowed_directories",
    ]
