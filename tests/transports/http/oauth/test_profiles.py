"""Subjects of an issuer, each with the profile that names it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration

Start = Callable[..., Any]
SETTINGS = """
[[profiles]]
name = "robots"
principals = ["oauth:robot-*", "token:local"]

[[profiles.roots]]
path = "{folder}/robots"
mode = "rw"

[pool]
workers = 2
scan_workers = 1
spares = 0
"""


@pytest.fixture
def guarded(start_http: Start, issuer: Any, tmp_path: Path, tree: Path) -> Callable[..., Any]:
    """Start a server whose profile is for robots; everybody else gets the tree."""

    def start(more: str = "") -> Any:
        for folder in (tmp_path / "robots", tree):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o755)
            (folder / "whose.txt").write_text(folder.name)
            (folder / "whose.txt").chmod(0o644)
        file = tmp_path / "filewarden.toml"
        file.write_text(SETTINGS.format(folder=tmp_path) + more)
        keys = {"FILEWARDEN_HTTP_ISSUER": issuer.name, "FILEWARDEN_HTTP_JWKS_URL": issuer.address}
        server = start_http("--config", str(file), **keys)
        issuer.resource = f"{server.url}/mcp"
        return server

    return start


def text(server: Any, token: str) -> str:
    params = {"name": "read_file", "arguments": {"path": "whose.txt"}}
    reply = server.modern("tools/call", params, authorization=f"Bearer {token}")
    assert reply.status == 200, reply.body
    return str(reply.json["result"]["content"][0]["text"])


def test_a_subject_is_served_by_the_profile_that_names_it(guarded: Start, issuer: Any) -> None:
    server = guarded()
    robot, person = issuer.token(sub="robot-7"), issuer.token(sub="alice")
    assert text(server, robot) == "robots"
    assert text(server, person) == "project"
    local = (server.token_path.parent / "tokens" / "local").read_text().strip()
    assert text(server, local) == "robots"
    writing = {"name": "write_file", "arguments": {"path": "a", "content": "b"}}
    needs_more = server.modern("tools/call", writing, authorization=f"Bearer {robot}")
    assert needs_more.status == 403
    assert "files:write" in needs_more.headers["www-authenticate"]
    unknown = server.modern("tools/call", writing, authorization=f"Bearer {person}")
    assert unknown.status == 200
    assert "unknown tool" in unknown.json["error"]["message"].lower()


def test_where_others_are_refused_a_genuine_token_is_not_enough(guarded: Start, issuer: Any) -> None:
    server = guarded("[access]\nothers = 'refuse'\n")
    assert text(server, issuer.token(sub="robot-1")) == "robots"
    refused = server.modern("tools/list", authorization=f"Bearer {issuer.token(sub='alice')}")
    assert refused.status == 403
    assert b"nothing is served to the subject" in refused.body
