"""Reads beside trouble, and lines that are no requests, against small servers of the test."""

import sys
from pathlib import Path

import pytest

from bench import malformed
from bench.connection import Connection
from bench.peers import Peer, Question
from bench.victims import reads_beside

SERVER = """
import json, sys
held = []
for line in sys.stdin:
    try:
        message = json.loads(line)
    except ValueError:
        print(json.dumps({"jsonrpc": "2.0", "id": None, "error": {"code": -32700}}), flush=True)
        continue
    if not isinstance(message, dict):
        raise SystemExit(1)
    method = message.get("method")
    if method == "notifications/cancelled":
        held = [ident for ident in held if ident != message["params"]["requestId"]]
    elif method == "hang":
        held.append(message["id"])
    elif method == "held":
        answer = {"content": [], "structuredContent": held}
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": answer}), flush=True)
    elif "id" in message:
        answer = {"result": {"content": []}} if method != "fail" else {"error": {"code": 1}}
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], **answer}), flush=True)
"""


@pytest.fixture
def peer() -> Peer:
    return Peer(name="small", version="", command=(sys.executable, "-c", SERVER), questions={})


def test_reads_are_all_answered_and_what_hangs_is_cancelled(peer: Peer, tmp_path: Path) -> None:
    troubles = [Question("hang", {}), Question("fail", {})]
    with Connection(peer, str(tmp_path)) as server:
        assert len(reads_beside(server, Question("read", {}), troubles, 20, 0.001)) == 20
        server.ask(Question("held", {}))
        assert server.document == b"[]"


def test_the_living_and_the_answering_are_counted(peer: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = {"answered": b"{", "fatal": b"[]", "an answer that nobody waits for": b"{}", "passed over": b'{"a":1}'}
    monkeypatch.setattr(malformed, "LINES", {name: (lambda line=line: line) for name, line in lines.items()})
    found = malformed.measure(peer, str(tmp_path))
    assert found == {malformed.ALIVE: 3, malformed.ANSWERED: 1, malformed.DEMANDED: 3}


def test_there_are_thirty_five_lines() -> None:
    assert len(malformed.LINES) == 35
    assert max(len(make()) for make in malformed.LINES.values()) == malformed.HUGE_BYTES
