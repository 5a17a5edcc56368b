"""The searches that are compared."""

import sys
from pathlib import Path

import msgspec
import pytest

from bench import search
from bench.connection import Connection
from bench.peers import Question, our_peer, plain_peer


@pytest.fixture
def haystack(tmp_path: Path) -> Path:
    ground = tmp_path / "ground"
    ground.mkdir()
    ground.chmod(0o755)
    search.build_haystack(str(ground / search.FOLDER), 300)
    return ground


def test_one_file_in_a_hundred_holds_the_needle(haystack: Path) -> None:
    files = [path for path in haystack.rglob("*") if path.is_file()]
    assert len(files) == 300
    assert sum(search.NEEDLE in path.read_text() for path in files) == 3


@pytest.mark.integration
def test_the_plain_server_answers_what_ours_does(haystack: Path, tmp_path: Path) -> None:
    pytest.importorskip("mcp")
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    questions: list[tuple[str, dict[str, object]]] = [
        ("list_directory", {"path": "."}),
        ("list_directory", {"path": search.FOLDER}),
        ("get_file_info", {"path": search.FOLDER}),
        ("search_files", {"pattern": search.NAME, "path": search.FOLDER, "recursive": True}),
        ("search_text", {"pattern": search.NEEDLE, "path": search.FOLDER}),
    ]
    with (
        Connection(our_peer(str(haystack)), str(home)) as ours,
        Connection(plain_peer(str(haystack), sys.executable), str(home)) as plain,
    ):
        for tool, arguments in questions:
            question = Question("tools/call", {"name": tool, "arguments": arguments})
            assert _document(plain, question) == _document(ours, question)


def _document(server: Connection, question: Question) -> dict[str, object]:
    """What it tells, with all but the values of what systems differ in: the time of birth, and a folder's links."""
    server.ask(question)
    document = msgspec.json.decode(server.document, type=dict[str, object])
    return {key: "told" if key in ("created", "links") else value for key, value in document.items()}
