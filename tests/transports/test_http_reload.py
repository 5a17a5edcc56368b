"""SIGHUP while clients are at work over HTTP: no call is lost, no connection, session or stream ends."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.drivers.http import HttpServer
from tests.drivers.load import CLIENTS, Load
from tests.drivers.messages import CLIENT, Json, rpc

pytestmark = pytest.mark.integration

TEXTS = (
    "[pool]\nworkers = 3\nscan_workers = 1\nspares = 0\n[http]\nmax_sessions = 2\n",
    "[pool]\nworkers = 2\nscan_workers = 1\nspares = 1\n[http]\nmax_sessions = 1\n",
)


def reload(server: HttpServer, file: Path, text: str) -> Json:
    before = server.status()["configuration"]["edition"]
    file.write_text(text)
    server.process.send_signal(signal.SIGHUP)
    return server.wait_for_status(lambda status: status["configuration"]["edition"] > before, 20)


def test_no_call_fails_while_the_configuration_is_read_again(
    start_http: Callable[..., HttpServer], tmp_path: Path
) -> None:
    file = tmp_path / "filewarden.toml"
    file.write_text(TEXTS[0])
    server = start_http("--config", str(file))
    session, stream = server.open_session(), server.open_stream()
    stream.next()
    load = Load(server)
    for number in range(3):
        status = reload(server, file, TEXTS[1 - number % 2])
        assert status["pool"]["size"] == (2, 3)[number % 2]
        assert server.get("/readyz").status == 200
        load.wait_for_more(50)
    assert load.end() == []
    assert load.connections == CLIENTS
    assert server.status()["calls"]["errors"] == 0
    assert server.post(rpc("tools/list"), mcp_session_id=session).json["result"]["tools"]
    assert server.post(rpc("initialize", CLIENT)).status == 503  # max_sessions is 1 now
