"""Clients that people have: the official one over each transport, and the example on the standard library."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import mcp_types as types
import pytest
from mcp.client.client import Client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

pytestmark = [
    pytest.mark.integration,
    # The official client uses what it has deprecated itself.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
EXAMPLE = Path(__file__).parents[2] / "examples" / "http_client.py"


async def use_every_tool(client: Client) -> str:
    names = {tool.name for tool in (await client.list_tools()).tools}
    assert {"list_directory", "read_file", "search_files", "get_file_info"} <= names
    listing = await client.call_tool("list_directory", {"path": "."})
    assert {entry["name"] for entry in decoded(listing)["entries"]} >= {"README.md", "src"}
    assert "cool project" in text(await client.call_tool("read_file", {"path": "README.md"}))
    found = await client.call_tool("search_files", {"pattern": "*.py", "recursive": True})
    assert decoded(found)["total"] == 2
    assert decoded(await client.call_tool("get_file_info", {"path": "data/sample.json"}))["extension"] == ".json"
    missing = await client.call_tool("read_file", {"path": "missing"})
    assert missing.is_error
    return client.protocol_version


def text(result: Any) -> str:
    block = result.content[0]
    assert isinstance(block, types.TextContent)
    return block.text


def decoded(result: Any) -> Any:
    assert not result.is_error
    return json.loads(text(result))


@pytest.mark.parametrize(("mode", "version"), [("legacy", "2025-11-25"), ("auto", "2026-07-28")])
def test_the_official_client_over_streamable_http(start_http: Callable[..., Any], mode: str, version: str) -> None:
    server = start_http()

    async def main() -> str:
        headers = {"Authorization": f"Bearer {server.token}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=20) as http,
            Client(streamable_http_client(f"{server.url}/mcp", http_client=http), mode=mode) as client,
        ):
            return await use_every_tool(client)

    assert asyncio.run(asyncio.wait_for(main(), 30)) == version
    server.wait_for_status(lambda status: status["clients"]["http"] == 0)  # it ended its session, or hung up


def test_the_official_client_over_sse(start_http: Callable[..., Any]) -> None:
    server = start_http()

    async def main() -> str:
        transport = sse_client(f"{server.url}/sse", headers={"Authorization": f"Bearer {server.token}"})
        async with Client(transport, mode="legacy") as client:
            return await use_every_tool(client)

    assert asyncio.run(asyncio.wait_for(main(), 30)) == "2025-11-25"
    server.wait_for_status(lambda status: status["clients"]["sse"] == 0)


def test_the_official_client_in_mode_auto_over_sse(start_http: Callable[..., Any]) -> None:
    server = start_http()

    async def main() -> str:
        transport = sse_client(f"{server.url}/sse", headers={"Authorization": f"Bearer {server.token}"})
        async with Client(transport) as client:
            return await use_every_tool(client)

    assert asyncio.run(asyncio.wait_for(main(), 30)) == "2025-11-25"


def run_example(*arguments: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-W", "error", str(EXAMPLE), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, env=environ, check=False)


def test_five_clients_of_the_example_at_once(start_http: Callable[..., Any], environ: dict[str, str]) -> None:
    server = start_http()
    done = run_example("--url", server.url, "--token-file", str(server.token_path), "--clients", "5", environ=environ)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 of 5 clients got every answer" in done.stdout
    assert done.stdout.count("# My Project") == 0
    assert done.stdout.count("list_directory, read_file, search_files, get_file_info") == 5
    server.wait_for_status(lambda status: status["clients"]["sse"] == 0)


def test_the_example_finds_the_token_and_says_what_is_wrong(
    start_http: Callable[..., Any], environ: dict[str, str]
) -> None:
    server = start_http()
    assert run_example("--url", server.url, environ=environ).returncode == 0
    refused = run_example("--url", server.url, "--token", "wrong-wrong-wrong-wrong", environ=environ)
    assert refused.returncode == 1
    assert "401" in refused.stdout
    absent = run_example("--token-file", "/nowhere/token", environ=environ)
    assert absent.returncode == 2
    assert "/nowhere/token: No such file or directory" in absent.stderr
    assert "Traceback" not in absent.stderr


def test_the_example_looks_around_a_server_of_several_roots(
    start_http: Callable[..., Any], environ: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "notes").mkdir()
    server = start_http(str(tmp_path / "notes"))
    done = run_example("--url", server.url, "--token-file", str(server.token_path), environ=environ)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "notes" in done.stdout
