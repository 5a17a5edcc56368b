"""The official Python SDK as the client on stdio; HTTP has its own tests."""

import asyncio
import base64
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from filewarden.workers.catalogue import CATALOGUE

pytestmark = pytest.mark.integration

READING = CATALOGUE.offered(scan=True, write=False)
GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
PROGRAM = "from filewarden.transports.cli import main; raise SystemExit(main())"


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_the_official_client_calls_the_reading_tools(tree: Path, environ: dict[str, str], mode: Any) -> None:
    (tree / "dot.txt").write_bytes(GIF)
    (tree / "dot.txt").chmod(0o644)

    async def talk() -> None:
        server = StdioServerParameters(
            command=sys.executable, args=["-c", PROGRAM, "serve", str(tree)], env=environ, cwd=str(tree)
        )
        async with asyncio.timeout(30), Client(server, mode=mode) as client:
            listed = await client.list_tools()
            assert [tool.name for tool in listed.tools] == [tool.name for tool in READING]
            listing = await client.call_tool("list_directory", {})
            assert listing.structured_content is not None
            assert [entry["name"] for entry in listing.structured_content["entries"]] == [
                "data",
                "src",
                "dot.txt",
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
            texts = await client.call_tool("read_multiple_files", {"paths": ["src/main.py", "none", "notes.txt"]})
            assert [block.model_dump()["text"].splitlines()[0] for block in texts.content] == [
                "==> src/main.py <==",
                "==> none <==",
                "==> notes.txt <==",
            ]
            picture = await client.call_tool("read_media_file", {"path": "dot.txt"})
            shown = picture.content[0].model_dump()
            assert (shown["type"], base64.b64decode(shown["data"])) == ("image", GIF)
            roots = await client.call_tool("list_allowed_directories", {})
            assert roots.structured_content == {
                "total": 1,
                "directories": [{"name": "project", "path": ".", "mode": "ro"}],
            }
            failed = await client.call_tool("read_file", {"path": "../outside"})
            assert failed.is_error

    asyncio.run(talk())
