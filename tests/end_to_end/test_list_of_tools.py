import json
from typing import Any

import pytest

pytestmark = pytest.mark.integration

REFERENCE_VERSION = "2026.8.31"
REFERENCE_BYTES = 12_958
REFERENCE_TOOLS = 14
"""`tools/list` of @modelcontextprotocol/server-filesystem in revision 2025-06-18, as compact JSON in UTF-8."""


def test_the_list_of_tools_is_lighter_than_the_reference(server: Any) -> None:
    """Per tool: the list stands in every conversation, and ours has more arguments to tell about."""
    tools = server.request("tools/list")["result"]["tools"]
    weights = {one["name"]: len(json.dumps(one, separators=(",", ":"), ensure_ascii=False).encode()) for one in tools}
    assert len(weights) >= 9
    assert sum(weights.values()) / len(weights) < REFERENCE_BYTES / REFERENCE_TOOLS, weights


def test_the_spellings_of_the_reference_are_accepted(server: Any) -> None:
    assert server.call("read_text_file", path="src/main.py", head=1)["content"][0]["text"] == "print('hello')\n"
    listing = server.call("list_directory_with_sizes", path="src", sortBy="size")["structuredContent"]
    assert [entry["name"] for entry in listing["entries"]] == ["utils.py", "main.py"]
    assert server.call("list_directory", path=".", sortBy="size", sort_by="name")["isError"]
