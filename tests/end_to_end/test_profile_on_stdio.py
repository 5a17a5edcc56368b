"""One profile of several on standard input and output."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration

SETTINGS = """
[[roots]]
path = "{folder}/project"

[[profiles]]
name = "builds"

[[profiles.roots]]
path = "{folder}/builds"

[profiles.tools]
only = ["read_file", "list_allowed_directories"]

[audit]
file = "{folder}/audit.jsonl"

[access]
others = "refuse"
"""


def test_the_profile_that_is_named_is_everything_that_there_is(
    start_server: Callable[..., Any], tree: Path, tmp_path: Path
) -> None:
    (tmp_path / "builds").mkdir()
    (tmp_path / "builds" / "whose.txt").write_text("builds")
    for path, mode in ((tmp_path / "builds", 0o755), (tmp_path / "builds" / "whose.txt", 0o644)):
        path.chmod(mode)
    (tmp_path / "filewarden.toml").write_text(SETTINGS.format(folder=tmp_path))
    server = start_server("--config", str(tmp_path / "filewarden.toml"), "--profile", "builds", roots=())
    server.initialize()
    tools = {tool["name"] for tool in server.request("tools/list")["result"]["tools"]}
    assert tools == {"read_file", "list_allowed_directories"}
    assert server.request("resources/list")["error"]["code"] == -32601
    assert server.call("read_file", path="whose.txt")["content"][0]["text"] == "builds"
    assert server.call("read_file", path=str(tree / "README.md"))["isError"]
    lines = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert {line["profile"] for line in lines if "tool" in line} == {"builds"}
