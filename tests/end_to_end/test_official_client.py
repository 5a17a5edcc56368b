"""The official Python SDK as the client on stdio; HTTP has its own tests."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

pytestmark = pytest.mark.integration

PROGRAM = "from filewarden.transports.cli import main; raise SystemExit(main())"


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_the_official_client_calls_all_four_tools(tree: Path, environ: dict[str, str], mode: Any) -> None:
    async def talk() -> None:
        server = StdioServerParameters(
            command=sys.executable, args=["-c", PROGRAM, "serve", str(tree)], env=environ, cwd=str(tree)
        )
        async with asyncio.timeout(30), Client(server, mode=mode) as client:
            listed = await client.list_tools()
            assert [tool.name for tool in listed.tools] == [
                "list_directory",
                "read_file",
                "search_files",
                "get_file_info",
            ]
            listing = await client.call_tool("list_directory", {})
            assert listing.structured_content is not None
            assert [entry["name"] for entry in listing.structured_content["entries"]] == [
                "data",
                "src",
                "notes.txt",
                "README.md",
            ]
            text = await client.call_tool("read_file", {"path": "src/main.py"})
            assert text.content[0].model_dump()["text"] == "print('hello')\n"
            found = await client.call_tool("search_files", {"pattern": "*.py", "recursive": True})
            assert found.structured_content is not None
            assert {match["path"] for match in found.structured_content["matches"]} == {"src/main.py", "src/utils.py"}
            facts = await client.call_tool("get_file_info", {"path": "README.md"})
            assert facts.structured_content is not None
            assert facts.structured_content["extension"] == ".md"
            failed = await client.call_tool("read_file", {"path": "../outside"})
            assert failed.is_error

    asyncio.run(talk())
