"""A server takes another one's place on a socket that somebody else keeps: nobody is refused, and no call fails."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.drivers.load import CLIENTS, Load
from tests.drivers.manager import Manager, managing

pytestmark = pytest.mark.integration


@pytest.fixture
def manager(tmp_path: Path, tree: Path, environ: dict[str, str]) -> Iterator[Manager]:
    with managing(tmp_path, tree, environ) as manager:
        yield manager


def test_a_successor_takes_over_under_load_without_a_failed_call(manager: Manager) -> None:
    old, _ = manager.start()
    load = Load(old)
    load.wait_for_more(50)
    new, _ = manager.start()
    load.wait_for_more(50)
    old.process.send_signal(signal.SIGTERM)
    assert old.process.wait(20) == 0
    load.wait_for_more(50)
    assert load.end() == []
    assert load.connections > CLIENTS  # they were told to come back
    assert new.status()["calls"]["total"] > 0
    assert new.status()["calls"]["errors"] == 0


def test_between_a_stop_and_a_start_clients_wait_and_none_is_refused(manager: Manager) -> None:
    old, _ = manager.start()
    load = Load(old)
    load.wait_for_more(50)
    old.process.send_signal(signal.SIGTERM)
    assert old.process.wait(20) == 0
    manager.start()
    load.wait_for_more(50)
    assert load.end() == []


def test_whoever_is_silent_is_let_go_and_a_call_under_way_is_answered(manager: Manager) -> None:
    server, ear = manager.start()
    with socket.create_connection(("127.0.0.1", server.port), 10) as silent:
        server.wait_for_status(lambda status: status["pool"]["ready"] > 0)
        answers: list[int] = []
        arguments = {"name": "search_text", "arguments": {"pattern": "hello"}}
        calling = threading.Thread(target=lambda: answers.append(server.modern("tools/call", arguments).status))
        calling.start()
        calling.join(10)
        server.process.send_signal(signal.SIGTERM)
        assert ear.wait_for(lambda message: "STOPPING" in message)["STOPPING"] == "1"
        assert silent.recv(1) == b""
    assert answers == [200]
    assert server.process.wait(20) == 0


def test_the_status_names_the_address_that_is_handed_over(manager: Manager) -> None:
    server, _ = manager.start("--host", "127.0.0.2")
    assert server.status()["addresses"] == [f"{server.url}/mcp"]


def test_what_is_handed_over_stays_with_the_front_end(manager: Manager) -> None:
    """What the launcher does not have, no zygote and no worker can get from it."""
    server, _ = manager.start()
    handed_over = os.stat(f"/proc/{server.pid}/fd/3").st_ino
    (launcher,) = psutil.Process(server.pid).children()
    folder = Path(f"/proc/{launcher.pid}/fd")
    assert handed_over not in {os.stat(folder / name).st_ino for name in os.listdir(folder)}


def test_a_socket_for_everybody_needs_authentication(tmp_path: Path, tree: Path, environ: dict[str, str]) -> None:
    with managing(tmp_path, tree, environ, socket.create_server(("0.0.0.0", 0))) as manager:
        server, _ = manager.start("--auth", "none", wait=False)
        assert server.process.wait(20) == 2
        server.wait_for_error("the socket that was handed over listens on 0.0.0.0")


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=["does not listen", "no stream"])
def test_a_socket_of_another_kind_is_refused(
    tmp_path: Path, tree: Path, environ: dict[str, str], kind: socket.SocketKind
) -> None:
    with managing(tmp_path, tree, environ, socket.socket(socket.AF_INET, kind)) as manager:
        server, _ = manager.start(wait=False)
        assert server.process.wait(20) == 2
        server.wait_for_error("is no TCP socket that listens")
