"""How a server over HTTP starts and ends."""

import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.drivers.busy import BUSY_S

pytestmark = pytest.mark.integration

Body = Callable[..., Any]

PRODUCT = "from filewarden.transports.cli import main; raise SystemExit(main())"
LOST_LAUNCHER = """
import os, sys
from filewarden.broker.launch import launch
from filewarden.transports.serve import serve
from filewarden.workers.catalogue import CATALOGUE
launched = launch(("-c", "import socket; socket.socket(fileno=3).recv(300000)"))
raise SystemExit(serve(sys.argv[2:], os.environ, launched, CATALOGUE))
"""


def sleeping(request_body: Body, seconds: float) -> Any:
    return request_body("tools/call", {"name": "sleep", "arguments": {"seconds": seconds}}, request_id=5)


def survivors(family: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still run a second later; where nobody collects orphans, the dead remain as zombies."""
    return [each for each in psutil.wait_procs(family, 1 + BUSY_S)[1] if each.status() != psutil.STATUS_ZOMBIE]


def test_the_token_is_created_for_us_alone_and_kept(start_http: Callable[..., Any]) -> None:
    first = start_http()
    assert first.token_path.stat().st_mode & 0o7777 == 0o600
    assert first.token not in first.errors  # standard error is no terminal here
    assert str(first.token_path) in first.errors
    second = start_http()
    assert second.token == first.token


def test_the_status_says_which_folders_are_served_and_where(start_http: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    server = start_http(str(tmp_path / "notes"), "--allow-write")
    status = server.wait_for_status(lambda _status: True)
    assert status["addresses"] == [f"{server.url}/mcp"]
    wanted = [str(server.root), str(tmp_path / "notes")]
    assert [(root["path"], root["mode"]) for root in status["roots"]] == [(path, "rw") for path in wanted]


def test_an_open_token_file_stops_the_start(start_http: Callable[..., Any]) -> None:
    start_http()
    server = start_http(wait=False)
    server.token_path.chmod(0o644)
    server.kill()
    server = start_http(wait=False)
    assert server.process.wait(20) == 2
    assert server.is_listening.wait(20)
    assert "chmod 600" in server.errors


def test_the_token_file_of_the_settings_is_used_and_denied_to_tools(
    start_http: Callable[..., Any], tree: Path, request_body: Body
) -> None:
    server = start_http(wait=False, FILEWARDEN_HTTP_TOKEN_FILE=str(tree / "token"))
    server.token_path = tree / "token"
    server.wait_until_ready()
    session = server.open_session()
    call = request_body("tools/call", {"name": "read_file", "arguments": {"path": "token"}})
    reply = server.post(call, mcp_session_id=session)
    assert server.token.encode() not in reply.body
    assert reply.json["result"]["isError"]


def test_a_port_in_use_is_a_configuration_error(start_http: Callable[..., Any]) -> None:
    first = start_http()
    second = start_http("--port", str(first.port), wait=False)
    assert second.process.wait(20) == 2
    assert second.is_listening.wait(20)
    assert "port in use" in second.errors
    assert first.get("/livez").status == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_and_every_process_of_it(start_http: Callable[..., Any], number: int) -> None:
    server = start_http()
    server.open_session()
    stream = server.open_stream()
    stream.next()
    family = server.descendants()
    assert len(family) >= 3
    started_at = time.monotonic()
    server.process.send_signal(number)
    assert stream.next() == ("", "")  # the end of the stream
    assert server.process.wait(20) == 0
    assert time.monotonic() - started_at < 3 + BUSY_S
    assert survivors(family) == []


def test_draining_answers_what_runs_refuses_what_is_new_and_is_not_ready(
    start_http: Callable[..., Any], request_body: Body
) -> None:
    server = start_http(faulty=True)
    session = server.open_session()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(server.post, sleeping(request_body, 2.5), mcp_session_id=session)
        server.wait_for_status(lambda status: status["pool"]["busy"] == 1)
        server.process.send_signal(signal.SIGTERM)
        server.wait_for_status(lambda status: status["status"] == "draining")
        assert server.get("/readyz").status == 503
        assert server.get("/livez").status == 200
        call = request_body("tools/call", {"name": "sleep", "arguments": {"seconds": 0}}, request_id=6)
        refused = server.post(call, mcp_session_id=session).json["result"]
        assert refused["structuredContent"]["error"]["code"] == "overloaded"
        for opening in (server.post(request_body("initialize", {})), server.get("/sse")):
            assert (opening.status, opening.headers["connection"]) == (503, "close")
            assert int(opening.headers["retry-after"]) > 0
        assert waiting.result(15).json["result"]["structuredContent"]["done"] is True
    assert server.process.wait(20) == 0
    server.wait_for_error("stopping calls=1")
    assert "pool.drain_s" not in server.errors


def test_draining_gives_up_after_its_time_and_the_call_is_told(
    start_http: Callable[..., Any], request_body: Body
) -> None:
    server = start_http(faulty=True, FILEWARDEN_POOL_DRAIN_S="0.3")
    session = server.open_session()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(server.post, sleeping(request_body, 9), mcp_session_id=session)
        server.wait_for_status(lambda status: status["pool"]["busy"] == 1)
        server.process.send_signal(signal.SIGTERM)
        reply = waiting.result(15)
    assert reply.status == 200
    assert server.process.wait(20) == 0
    server.wait_for_error("before they are done: pool.drain_s is over calls=1")


def test_a_second_signal_ends_it_at_once(start_http: Callable[..., Any], request_body: Body) -> None:
    server = start_http(faulty=True)
    stream = server.open_stream()
    endpoint = stream.next()[1]
    server.request("POST", endpoint, request_body("initialize"))
    server.request("POST", endpoint, sleeping(request_body, 9))
    family = server.descendants()
    server.wait_for_status(lambda status: status["pool"]["busy"] == 1)
    server.process.send_signal(signal.SIGTERM)
    server.wait_for_status(lambda status: status["status"] == "draining")
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(20) == -signal.SIGTERM
    assert survivors(family) == []


def test_nothing_survives_a_kill(start_http: Callable[..., Any], request_body: Body) -> None:
    server = start_http(faulty=True)
    session = server.open_session()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(server.post, sleeping(request_body, 9), mcp_session_id=session)
        server.wait_for_status(lambda status: status["pool"]["busy"] == 1)
        family = server.descendants()
        server.process.kill()
        assert survivors(family) == []
        assert isinstance(waiting.exception(15), OSError)


def test_a_server_that_lost_its_launcher_exits_with_the_reason(start_http: Callable[..., Any]) -> None:
    server = start_http(wait=False, program=("-c", LOST_LAUNCHER))
    assert server.process.wait(20) == 1
    assert server.is_listening.wait(20)
    assert " error " in server.errors
    assert "Traceback" not in server.errors


def test_it_serves_without_uvloop_too(start_http: Callable[..., Any], request_body: Body) -> None:
    server = start_http(program=("-c", f"import sys; sys.modules['uvloop'] = None; {PRODUCT}"))
    session = server.open_session()
    call = request_body("tools/call", {"name": "read_file", "arguments": {"path": "README.md"}})
    assert "cool project" in server.post(call, mcp_session_id=session).json["result"]["content"][0]["text"]
    stream = server.open_stream()
    stream.next()
    server.process.send_signal(signal.SIGTERM)
    assert stream.next() == ("", "")
    assert server.process.wait(20) == 0
