"""A worker serves one principal: another one gets another process."""

import collections
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.drivers.process import ending

BUILD = Path(__file__).parent / "build" / "server.py"
CLIENT = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}

pytestmark = pytest.mark.integration


class Party:
    """A server with one stream for callers of many names."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process, self._to, self._from = process, process.stdin, process.stdout
        self._known: set[str] = set()
        self._next_id = 0

    def start_call(self, name: str, seconds: float = 0.0) -> None:
        if name not in self._known:
            self._known.add(name)
            self._send(name, "initialize", CLIENT)
            assert self._receive()[0] == name
        self._send(name, "tools/call", {"name": "rest", "arguments": {"seconds": seconds}})

    def _send(self, name: str, method: str, params: object) -> None:
        self._next_id += 1
        message = {"jsonrpc": "2.0", "id": self._next_id, "method": method, "params": params}
        self._to.write(f"{name} {json.dumps(message)}\n".encode())
        self._to.flush()

    def _receive(self) -> tuple[str, dict[str, object]]:
        name, _, frame = self._from.readline().partition(b" ")
        return name.decode(), json.loads(frame)["result"]

    def answer(self) -> tuple[str, int]:
        """Who is answered next, and by which process."""
        name, result = self._receive()
        content = result["structuredContent"]
        assert isinstance(content, dict)
        return name, content["pid"]

    def pid_for(self, name: str) -> int:
        self.start_call(name)
        answered, pid = self.answer()
        assert answered == name
        return pid


@pytest.fixture
def party(tree: Path, environ: dict[str, str]) -> Iterator[Callable[..., Party]]:
    processes = []

    def start(workers: int, spares: int) -> Party:
        pool = {"WORKERS": workers, "SPARES": spares, "SCAN_WORKERS": workers - 1}
        process = subprocess.Popen(
            [sys.executable, str(BUILD), "principals", str(tree)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**environ, **{f"FILEWARDEN_POOL_{key}": str(value) for key, value in pool.items()}},
        )
        processes.append(process)
        return Party(process)

    yield start
    for process in processes:
        with ending(process):
            process.communicate(timeout=20)
        assert process.returncode == 0


@pytest.mark.parametrize("spares", [0, 1])
def test_another_principal_never_gets_a_worker_that_has_served_one(party: Callable[..., Party], spares: int) -> None:
    subject = party(workers=2, spares=spares)
    alice = subject.pid_for("alice")
    assert subject.pid_for("alice") == alice
    bob = subject.pid_for("bob")
    assert subject.pid_for("alice") == alice, "the worker of the same principal is preferred"
    carol = subject.pid_for("carol")
    assert len({alice, bob, carol}) == 3
    assert subject.pid_for("alice") == alice, "the one that had rested longest was replaced"
    assert subject.pid_for("bob") not in {alice, bob, carol}


@pytest.mark.parametrize(("workers", "spares"), [(1, 0), (2, 1)])
def test_many_principals_at_once_share_no_process_and_all_are_served(
    party: Callable[..., Party], workers: int, spares: int
) -> None:
    subject, served = party(workers=workers, spares=spares), collections.defaultdict(set)
    names = [f"agent{number % 5}" for number in range(40)]
    for name in dict.fromkeys(names):
        subject.pid_for(name)
    for name in names:
        subject.start_call(name, seconds=0.001)
    answered = [subject.answer() for _ in names]
    for name, pid in answered:
        served[pid].add(name)
    assert all(len(users) == 1 for users in served.values())
    assert collections.Counter(name for name, _ in answered) == collections.Counter(names)
    assert os.getpid() not in served
