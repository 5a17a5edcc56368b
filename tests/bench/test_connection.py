"""The client of the benchmark, against small servers of the tests."""

import sys
from pathlib import Path

import pytest

from bench.connection import Broken, Connection, bare_environment
from bench.memory import tree, tree_pss_bytes
from bench.peers import Peer, Question

ECHO = """
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    if "id" in message:
        print(json.dumps({"jsonrpc": "2.0", "method": "notifications/message", "params": {}}))
        answer = {"result": {"content": [], "isError": message["method"] == "fail"}}
        if message["method"] == "refuse":
            answer = {"error": {"code": -32601, "message": "no"}}
        if message["method"] == "leave":
            raise SystemExit(3)
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], **answer}), flush=True)
"""


@pytest.fixture
def peer() -> Peer:
    return Peer(
        name="echo", version="1", command=(sys.executable, "-c", ECHO), questions={"ping": Question("ping", {})}
    )


def test_answers_are_timed_and_notifications_passed_over(peer: Peer, tmp_path: Path) -> None:
    with Connection(peer, str(tmp_path)) as server:
        assert server.ask(peer.questions["ping"]) > 0


def test_several_questions_may_be_in_flight(peer: Peer, tmp_path: Path) -> None:
    with Connection(peer, str(tmp_path)) as server:
        idents = [server.send(peer.questions["ping"]) for _ in range(50)]
        assert [server.receive() for _ in idents] == idents


def test_nothing_comes_where_nothing_was_asked(peer: Peer, tmp_path: Path) -> None:
    with Connection(peer, str(tmp_path)) as server:
        assert server.receive(0.0) is None


@pytest.mark.parametrize(
    ("method", "complaint"), [("fail", "echo failed"), ("refuse", "echo refused"), ("leave", "closed its output")]
)
def test_what_is_no_answer_ends_the_measurement(peer: Peer, tmp_path: Path, method: str, complaint: str) -> None:
    with Connection(peer, str(tmp_path)) as server, pytest.raises(Broken, match=complaint):
        server.ask(Question(method, {}))


def test_memory_counts_the_process(peer: Peer, tmp_path: Path) -> None:
    with Connection(peer, str(tmp_path)) as server:
        assert tree(server.pid) == [server.pid]
        assert tree_pss_bytes(server.pid) > 1 << 20


def test_servers_see_no_settings_of_the_user() -> None:
    kept = bare_environment(
        {"PATH": "/bin", "FILEWARDEN_LOG_LEVEL": "debug", "MCP_ROOT": "/x", "PYTHONPATH": "."}, "/h"
    )
    assert kept == {"PATH": "/bin", "HOME": "/h", "XDG_STATE_HOME": "/h/state"}
