"""The clients: where each keeps its servers, and how an entry for this server looks there.

Sources, read in November 2026: the documentation of each client, named beside its row. The token of an HTTP server is
never written into a file: an entry names the variable FILEWARDEN_TOKEN, in each client's own way.
"""

from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

from filewarden.transports.clients import places

TOKEN_VARIABLE = "FILEWARDEN_TOKEN"  # noqa: S105  the name of a variable
TOKEN_INPUT = "filewarden_token"  # noqa: S105  the name of a question

CREDENTIALS = frozenset({"headers", "bearer_token_env_var"})
"""The members of an entry that bring the token: left out for a server that takes none."""

Entry = dict[str, object]


class Launch(msgspec.Struct, frozen=True):
    """How a client starts the server on stdio: an absolute command, and its arguments."""

    command: str
    arguments: tuple[str, ...]


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """One client. `keys` lead from the top of its file to the table of servers; without `remote` it takes no URL."""

    name: str
    title: str
    source: str
    place: Callable[[places.System], str] | None
    """Its file; None for clients that are not known by name."""
    keys: tuple[str, ...]
    syntax: Literal["json", "toml"] = "json"
    local: Callable[[Launch], Entry]
    remote: Callable[[str], Entry] | None = None
    inputs: Entry | None = None
    """What a remote entry asks the user for, in the list `inputs` at the top of the file."""
    token: str = f"Set the variable {TOKEN_VARIABLE} to the server's token before you start the client."
    then: str = "Restart the client."


def _plain(launch: Launch) -> Entry:
    return {"command": launch.command, "args": list(launch.arguments)}


def _typed(launch: Launch) -> Entry:
    return {"type": "stdio", **_plain(launch)}


def _bearer(reference: str) -> Entry:
    return {"headers": {"Authorization": f"Bearer {reference}"}}


CLIENTS: Mapping[str, Client] = {
    client.name: client
    for client in (
        Client(
            name="claude-desktop",
            title="Claude Desktop",
            source="https://modelcontextprotocol.io/docs/develop/connect-local-servers",
            place=places.claude_desktop,
            keys=("mcpServers",),
            local=_plain,
            then="Quit Claude Desktop wholly and start it again.",
        ),
        Client(
            name="claude-code",
            title="Claude Code",
            source="https://code.claude.com/docs/en/mcp",
            place=places.claude_code,
            keys=("mcpServers",),
            local=_typed,
            remote=lambda url: {"type": "http", "url": url, **_bearer("${" + TOKEN_VARIABLE + "}")},
            then="Start a new session; `/mcp` in it shows the server.",
        ),
        Client(
            name="cursor",
            title="Cursor",
            source="https://cursor.com/docs/context/mcp",
            place=places.cursor,
            keys=("mcpServers",),
            local=_plain,
            remote=lambda url: {"url": url, **_bearer("${env:" + TOKEN_VARIABLE + "}")},
        ),
        Client(
            name="vscode",
            title="VS Code",
            source="https://code.visualstudio.com/docs/copilot/reference/mcp-configuration",
            place=places.vscode,
            keys=("servers",),
            local=_typed,
            remote=lambda url: {"type": "http", "url": url, **_bearer("${input:" + TOKEN_INPUT + "}")},
            inputs={
                "type": "promptString",
                "id": TOKEN_INPUT,
                "description": "The token of the Filewarden server",
                "password": True,
            },
            token="VS Code asks for the token when it first connects, and keeps it.",  # noqa: S106  a sentence
            then='Run the command "MCP: List Servers" and start it.',
        ),
        Client(
            name="zed",
            title="Zed",
            source="https://zed.dev/docs/ai/mcp",
            place=places.zed,
            keys=("context_servers",),
            local=_plain,
            remote=lambda url: {"url": url, **_bearer("<the token>")},
            token="Zed reads no variables there: put the server's token into the entry by hand, "  # noqa: S106
            "and keep the file to yourself.",
            then="The agent panel's settings show the server.",
        ),
        Client(
            name="codex",
            title="Codex",
            source="https://developers.openai.com/codex/mcp",
            place=places.codex,
            keys=("mcp_servers",),
            syntax="toml",
            local=_plain,
            remote=lambda url: {"url": url, "bearer_token_env_var": TOKEN_VARIABLE},
            then="Start a new session; `codex mcp list` shows the server.",
        ),
        Client(
            name="windsurf",
            title="Windsurf",
            source="https://docs.windsurf.com/windsurf/cascade/mcp",
            place=places.windsurf,
            keys=("mcpServers",),
            local=_plain,
            remote=lambda url: {"serverUrl": url, **_bearer("${env:" + TOKEN_VARIABLE + "}")},
            then="Press refresh among the MCP servers of Cascade.",
        ),
        Client(
            name="generic",
            title="any other client",
            source="https://modelcontextprotocol.io/docs/develop/connect-local-servers",
            place=None,
            keys=("mcpServers",),
            local=_plain,
            remote=lambda url: {"type": "http", "url": url, **_bearer("${" + TOKEN_VARIABLE + "}")},
            token=f"Put the server's token in place of ${{{TOKEN_VARIABLE}}} if your client knows no variables.",
            then="Put it into the file that your client's documentation names.",
        ),
    )
}
