"""The searches that are compared."""

import sys
from pathlib import Path

import pytest

from bench import search
from bench.connection import Connection
from bench.peers import Peer, Question


@pytest.fixture
def haystack(tmp_path: Path) -> Path:
    search.build_haystack(str(tmp_path / search.FOLDER), 300)
    return tmp_path


def test_one_file_in_a_hundred_holds_the_needle(haystack: Path) -> None:
    files = [path for path in haystack.rglob("*") if path.is_file()]
    assert len(files) == 300
    assert sum(search.NEEDLE in path.read_text() for path in files) == 3


@pytest.mark.integration
def test_the_plain_server_finds_what_is_there(haystack: Path) -> None:
    pytest.importorskip("mcp")
    script = Path(search.__file__).parent / "baseline.py"
    peer = Peer(name="plain", version="", command=(sys.executable, str(script), str(haystack)), questions={})
    with Connection(peer, str(haystack)) as server:
        for tool, arguments in (
            ("search_text", {"pattern": search.NEEDLE, "path": search.FOLDER}),
            ("search_files", {"pattern": search.NAME, "path": search.FOLDER}),
        ):
            server.ask(Question("tools/call", {"name": tool, "arguments": arguments}))
