"""What replicas promise: requests of 2026-07-28 go anywhere and survive any replica; sessions stay where they are."""

import contextlib
import json
import os
import signal
import threading
import time
from collections import Counter
from typing import Any

import pytest

from tests.drivers.messages import enveloped, routing, rpc
from tests.replicas.conftest import NAMES, Entrance, Replicas

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(180)]

CLIENTS = 4
Json = dict[str, Any]


def structured(reply: Json) -> Json:
    result: Json = reply["result"]
    assert not result.get("isError"), result
    document: Json = result["structuredContent"]
    return document


def call(name: str, **arguments: Any) -> Json:
    return {"name": name, "arguments": arguments}


class Reader(threading.Thread):
    """A client that reads without a pause, and keeps what went wrong."""

    def __init__(self, entrance: Entrance, number: int) -> None:
        super().__init__(daemon=True)
        self._entrance = entrance
        self._number = number
        self.is_over = threading.Event()
        self.answered = 0
        self.faults: list[str] = []

    def run(self) -> None:
        connection = self._entrance.connect()
        while not self.is_over.is_set():
            file = (self._number * 97 + self.answered) % 300
            body = enveloped("tools/call", call("read_file", path=f"file{file:03}.txt"), self.answered)
            said = ""
            try:
                connection.request("POST", "/mcp", json.dumps(body), self._entrance.headers(**routing(body)))
                response = connection.getresponse()
                said = f"{response.status} {response.headers.items()} "
                said += response.read().decode()
                text = json.loads(said[said.index("{") :])["result"]["content"][0]["text"]
            except Exception as error:
                text = f"{error!r} {said}"
                connection.close()
            if text == f"text {file}\n":
                self.answered += 1
            else:
                self.faults.append(f"after {self.answered}: {text}")
                return
        connection.close()


def test_no_read_fails_while_replicas_are_stopped_killed_and_started(entrance: Entrance, replicas: Replicas) -> None:
    readers = [Reader(entrance, number) for number in range(CLIENTS)]
    for reader in readers:
        reader.start()
    try:
        for name, sent in [*((name, signal.SIGTERM) for name in NAMES), ("a", signal.SIGKILL), ("b", signal.SIGKILL)]:
            os.kill(replicas.servers[name].pid, sent)
            replicas.servers[name].process.wait(30)
            replicas.servers[name].kill()  # what is left of its pipes
            started = replicas.start(name)
            _wait(lambda started=started: started.status()["calls"]["total"] > 5 or any(r.faults for r in readers))
    finally:
        for reader in readers:
            reader.is_over.set()
        for reader in readers:
            reader.join(30)
    assert [reader.faults for reader in readers] == [[]] * CLIENTS
    assert min(reader.answered for reader in readers) > 100


def _wait(is_so: Any) -> None:
    give_up_at = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < give_up_at
        threading.Event().wait(0.02)


def test_requests_go_to_every_replica(entrance: Entrance, replicas: Replicas) -> None:
    before = _totals(replicas)
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(contextlib.closing(entrance.connect())) for _ in range(30)]
        for number, connection in enumerate(connections):
            body = enveloped("tools/call", call("get_file_info", path="file001.txt"), number)
            connection.request("POST", "/mcp", json.dumps(body), entrance.headers(**routing(body)))
            assert connection.getresponse().status == 200
    served = {name: total - before[name] for name, total in _totals(replicas).items()}
    assert sum(served.values()) == 30
    assert min(served.values()) > 0


def _totals(replicas: Replicas) -> Counter[str]:
    documents = {name: server.status() for name, server in replicas.servers.items()}
    assert all(document["replica"] == name for name, document in documents.items())
    return Counter({name: document["calls"]["total"] for name, document in documents.items()})


def test_a_cursor_of_one_replica_is_honoured_by_another(replicas: Replicas) -> None:
    a, b = replicas.servers["a"], replicas.servers["b"]
    first = structured(a.modern("tools/call", call("search_files", pattern="*.txt", max_results=150)).json)
    assert first["truncated"]
    arguments = {"pattern": "*.txt", "max_results": 150, "cursor": first["next_cursor"]}
    second = structured(b.modern("tools/call", call("search_files", **arguments)).json)
    names = [match["name"] for page in (first, second) for match in page["matches"]]
    assert sorted(names) == sorted(path.name for path in replicas.root.glob("*.txt"))


def test_a_confirmation_of_one_replica_is_honoured_by_another(replicas: Replicas) -> None:
    (replicas.root / "doomed.dat").write_text("x")
    (replicas.root / "doomed.dat").chmod(0o666)
    replicas.root.chmod(0o777)
    a, b = replicas.servers["a"], replicas.servers["b"]
    asked = a.modern("tools/call", call("delete_file", path="doomed.dat")).json["result"]
    error = asked["structuredContent"]["error"]
    assert error["code"] == "confirmation_required"
    assert (replicas.root / "doomed.dat").exists()
    done = b.modern(
        "tools/call", call("delete_file", path="doomed.dat", confirmation_token=error["confirmation_token"])
    ).json
    structured(done)
    assert not (replicas.root / "doomed.dat").exists()


def test_a_session_stays_with_its_replica(entrance: Entrance, replicas: Replicas) -> None:
    for _ in range(4):
        hello = rpc(
            "initialize",
            {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
        )
        with contextlib.closing(entrance.connect()) as connection:
            connection.request("POST", "/mcp", json.dumps(hello), entrance.headers())
            response = connection.getresponse()
            response.read()
            session = response.headers["Mcp-Session-Id"]
        before = _totals(replicas)
        for number in range(9):
            body = rpc("tools/call", call("read_file", path="file002.txt"), number)
            with contextlib.closing(entrance.connect()) as connection:
                headers = entrance.headers(Mcp_Session_Id=session, MCP_Protocol_Version="2025-11-25")
                connection.request("POST", "/mcp", json.dumps(body), headers)
                response = connection.getresponse()
                assert response.status == 200, response.read()
                assert b"text 2" in response.read()
        served = {name: total - before[name] for name, total in _totals(replicas).items()}
        assert sorted(served.values()) == [0, 0, 9]


def test_what_each_replica_says_of_itself_is_not_for_clients(entrance: Entrance) -> None:
    for path in ("/status", "/metrics", "/"):
        with contextlib.closing(entrance.connect()) as connection:
            connection.request("GET", path, headers=entrance.headers())
            assert connection.getresponse().status == 404
