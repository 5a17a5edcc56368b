"""The server's own files are closed to its clients, also where a root holds them."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration

TOOLS = ("read_file", "get_file_info", "list_directory", "search_files")
TOKEN = "a-token-that-everybody-may-guess"
SECRET = "made after the start"

Call = Callable[..., Any]


def make_readable(folder: Path) -> None:
    """Let the workers' account read it, so that nothing but the rule is in the way."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def check(call: Call, tree: Path, state: Path) -> None:
    """Every spelling of what lies in `state` is refused in the same way, there or not, and nothing is seen of it."""
    inside = ("token", "later.txt", "sub", "sub/deep.txt", "none", "sub/none", "none/none", "token/none")
    spellings = [f"own/filewarden/{name}" for name in inside]
    spellings += ["own/filewarden", "own/filewarden/..", "own/./filewarden/sub/..", "own/filewarden/sub/../../../a.txt"]
    spellings += [f"{state}/token", "own/../own/filewarden/token", "link/token", "link", "link/none", "absolute/token"]
    spellings += ["token-link", "gone-link", "below/none"]
    for tool in TOOLS:
        for path in spellings:
            arguments = {"path": path, **({"pattern": "*"} if tool == "search_files" else {})}
            result = call(tool, **arguments)
            error = result.get("structuredContent", {}).get("error", {})
            assert (error.get("code"), path) == ("access_denied", path)
            assert error["message"].replace(path, "PATH") == (
                "Access denied: 'PATH' is outside the allowed folders or closed to clients. "
                'Use a path relative to the root; "." lists it.'
            )
    seen = [call("list_directory", path=path, show_hidden=True) for path in (".", "own")]
    seen += [call("search_files", pattern=glob, recursive=True) for glob in ("*", "**/*tok*", "*.txt", "own/**")]
    seen.append(call("search_files", pattern="*", path="own"))
    text = json.dumps(seen)
    for word in ("token", "later", "deep", "filewarden", "gone-link", '"link', "absolute", "below", TOKEN, SECRET):
        assert word not in text
    assert "a.txt" in text


def prepare(tree: Path) -> Path:
    own = tree / "own"
    own.mkdir(mode=0o755)
    own.chmod(0o755)
    state = own / "filewarden"
    (tree / "a.txt").touch()
    (tree / "link").symlink_to("own/filewarden")
    (tree / "absolute").symlink_to(state)
    (tree / "token-link").symlink_to("own/filewarden/token")
    (tree / "gone-link").symlink_to("own/filewarden/none")
    (tree / "below").symlink_to("own/filewarden/sub")
    return state


def add_later(state: Path) -> None:
    (state / "sub").mkdir()
    (state / "later.txt").write_text(SECRET)
    (state / "sub" / "deep.txt").write_text(SECRET)
    make_readable(state)


def test_c07_c13_over_http_the_state_folder_is_closed(
    start_http: Callable[..., Any], request_body: Callable[..., Any], tree: Path
) -> None:
    state = prepare(tree)
    state.mkdir(mode=0o700)
    (state / "token").write_text(TOKEN)
    (state / "token").chmod(0o600)
    os.link(state / "token", tree / "hard")
    http = start_http(XDG_STATE_HOME=str(tree / "own"))
    session = http.open_session()
    add_later(state)

    def call(tool: str, **arguments: Any) -> Any:
        request = request_body("tools/call", {"name": tool, "arguments": arguments})
        return http.post(request, mcp_session_id=session).json["result"]

    check(call, tree, state)
    assert call("read_file", path="hard")["structuredContent"]["error"]["code"] == "access_denied"
    assert "hard" not in json.dumps(call("list_directory", path="."))


def test_c13_a_state_folder_that_is_made_after_the_start_is_closed_too(
    start_server: Callable[..., Any], tree: Path
) -> None:
    state = prepare(tree)
    server = start_server(XDG_STATE_HOME=str(tree / "own"))
    server.initialize()
    state.mkdir(exist_ok=True)
    (state / "token").write_text(TOKEN)
    add_later(state)
    check(server.call, tree, state)
