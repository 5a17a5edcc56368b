"""Clients that people use, as they are published, on every transport and in every mode they have."""

import asyncio
import json
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest
from mcp import Client, StdioServerParameters, types
from mcp.client.sse import sse_client

from tests.clients.conftest import TEXT, Servers
from tests.clients.inspector import IS_ERROR, Inspector

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(120)]

TOUR_S = 60
AT_ONCE = 3
"""Each command of the Inspector is a process of its own, which mostly loads itself."""
LEGACY, MODERN = "2025-11-25", "2026-07-28"
REVISIONS = {"legacy": LEGACY, "auto": MODERN, MODERN: MODERN}
PLACES = [("stdio", mode) for mode in REVISIONS] + [("http", mode) for mode in REVISIONS] + [("sse", "legacy")]


class Text(msgspec.Struct, rename="camel"):
    """The texts of a tool's result."""

    is_error: bool
    text: str


class Seen(msgspec.Struct):
    """What a client saw on its tour."""

    revision: str
    tools: list[str]
    called: str
    refused: Text
    resources: list[str]
    read: str
    accepted: Text
    declined: Text


def judge(seen: Seen, servers: Servers, revision: str) -> None:
    assert seen.revision == revision
    assert {"list_directory", "read_file", "search_files", "get_file_info"} <= set(seen.tools)
    assert seen.called == TEXT
    assert seen.refused.is_error
    assert "path" in seen.refused.text
    assert servers.root.as_uri() in [uri.rstrip("/") for uri in seen.resources]
    assert seen.read == TEXT
    assert not seen.accepted.is_error
    assert "ada@example.org" in seen.accepted.text
    assert "decline" in seen.declined.text
    assert "ada" not in seen.declined.text


def run_node(script: str, packages: Path, servers: Servers, transport: str, mode: str) -> Seen:
    job = {
        "packages": str(packages),
        "transport": transport,
        "mode": mode,
        "product": servers.target("product", transport),
        "fixture": servers.target("fixture", transport),
        "resource": servers.resource,
    }
    done = subprocess.run(
        [str(packages / "bin" / "node"), str(Path(__file__).parent / script), json.dumps(job)],
        capture_output=True,
        text=True,
        timeout=TOUR_S,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr
    return msgspec.json.decode(done.stdout, type=Seen)


@pytest.mark.parametrize("transport", ["stdio", "http", "sse"])
def test_the_first_typescript_client(node_packages: Path, servers: Servers, transport: str) -> None:
    judge(run_node("typescript_v1.mjs", node_packages, servers, transport, "legacy"), servers, LEGACY)


@pytest.mark.parametrize(("transport", "mode"), PLACES)
def test_the_second_typescript_client(node_packages: Path, servers: Servers, transport: str, mode: str) -> None:
    judge(run_node("typescript_v2.mjs", node_packages, servers, transport, mode), servers, REVISIONS[mode])


@pytest.mark.parametrize(("transport", "mode"), PLACES)
def test_the_python_client(servers: Servers, transport: str, mode: str) -> None:
    def connect(server: str, action: Any) -> Client:
        target = servers.target(server, transport)
        place: Any = target.get("url") or StdioServerParameters(**target)  # type: ignore[arg-type] # three keys of it
        return Client(
            sse_client(place) if transport == "sse" else place, mode=mode, elicitation_callback=answering(action)
        )

    async def tour() -> Seen:
        async with asyncio.timeout(TOUR_S):
            async with connect("product", "cancel") as client:
                seen: dict[str, Any] = {
                    "revision": client.protocol_version,
                    "tools": [tool.name for tool in (await client.list_tools()).tools],
                    "called": shown(await client.call_tool("read_file", {"path": "README.md"})).text,
                    "refused": shown(await client.call_tool("read_file", {"path": 7})),
                    "resources": [str(resource.uri) for resource in (await client.list_resources()).resources],
                    "read": (await client.read_resource(servers.resource)).contents[0].text,  # type: ignore[union-attr]
                }
            for name, action in (("accepted", "accept"), ("declined", "decline")):
                async with connect("fixture", action) as client:
                    seen[name] = shown(await client.call_tool("test_elicitation", {"message": "Who are you?"}))
        return Seen(**seen)

    judge(asyncio.run(tour()), servers, REVISIONS[mode])


def answering(action: Any) -> Callable[..., Any]:
    content: Any = {"username": "ada", "email": "ada@example.org"} if action == "accept" else None

    async def answer(_context: object, _params: object) -> types.ElicitResult:
        return types.ElicitResult(action=action, content=content)

    return answer


def shown(result: types.CallToolResult) -> Text:
    return Text(bool(result.is_error), "\n".join(block.text for block in result.content))  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("transport", "era"),
    [(transport, era) for transport in ("stdio", "http") for era in ("legacy", "auto", "modern")] + [("sse", "legacy")],
)
def test_the_inspector(node_packages: Path, servers: Servers, tmp_path: Path, transport: str, era: str) -> None:
    inspector = Inspector(node_packages, tmp_path / "inspector", era)
    inspector.set_up(transport, {name: servers.target(name, transport) for name in ("product", "fixture")})
    call = ("tools/call", "--tool-name", "read_file", "--tool-args-json")
    with ThreadPoolExecutor(AT_ONCE) as threads:
        asked = {
            "listed": threads.submit(inspector.ask, "tools/list"),
            "called": threads.submit(inspector.ask, *call, '{"path": "README.md"}'),
            "refused": threads.submit(inspector.ask, *call, '{"path": 7}', exit_status=IS_ERROR),
            "resources": threads.submit(inspector.ask, "resources/list"),
            "read": threads.submit(inspector.ask, "resources/read", "--uri", servers.resource),
        }
    results = {name: each.result() for name, each in asked.items()}
    try:
        found = inspector.connect()
        accepted, declined = inspector.elicit("accept"), inspector.elicit("decline")
    finally:
        inspector.close()
    assert found == ("legacy" if era == "legacy" else "modern")
    seen = Seen(
        revision=found,
        tools=[tool["name"] for tool in results["listed"]["tools"]],
        called=texts(results["called"]).text,
        refused=texts(results["refused"]),
        resources=[resource["uri"] for resource in results["resources"]["resources"]],
        read=results["read"]["contents"][0]["text"],
        accepted=texts(accepted),
        declined=texts(declined),
    )
    judge(seen, servers, found)


def texts(result: Any) -> Text:
    return Text(result.get("isError", False), "\n".join(block["text"] for block in result["content"]))
