"""What a server tells whoever manages it as a service, and when its watchdog gets no sign of life."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.drivers.manager import Ear
from tests.drivers.stdio import StdioServer

pytestmark = pytest.mark.integration

StartServer = Callable[..., StdioServer]


@pytest.fixture(params=[False, True], ids=["path", "abstract"])
def ear(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ear]:
    ear = Ear(tmp_path / "notify", is_abstract=request.param)
    yield ear
    ear.close()


def test_ready_reload_and_stop_are_told(start_server: StartServer, tree: Path, tmp_path: Path, ear: Ear) -> None:
    file = tmp_path / "filewarden.toml"
    file.write_text(f'[[roots]]\npath = "{tree}"\n')
    server = start_server("--config", str(file), roots=(), NOTIFY_SOCKET=ear.address)
    ready = ear.next()
    assert (ready["READY"], ready["STATUS"].startswith("Serving project with")) == ("1", True)
    assert server.control_status()["ready"]

    before = time.monotonic_ns() // 1000
    server.process.send_signal(signal.SIGHUP)
    reloading = ear.next()
    assert reloading["RELOADING"] == "1"
    assert before < int(reloading["MONOTONIC_USEC"]) < time.monotonic_ns() // 1000
    assert ear.next()["READY"] == "1"

    file.write_text("nonsense\nnonsense")
    server.process.send_signal(signal.SIGHUP)
    assert "RELOADING" in ear.next()
    refused = ear.next()
    assert (refused["READY"], "refused" in refused["STATUS"]) == ("1", True)

    server.process.send_signal(signal.SIGTERM)
    assert ear.next()["STOPPING"] == "1"
    assert server.process.wait(20) == 0
    assert ear.is_silent(0.05)


@pytest.fixture
def fast_ear(tmp_path: Path) -> Iterator[Ear]:
    ear = Ear(tmp_path / "notify")
    yield ear
    ear.close()


def test_the_watchdog_hears_of_a_server_that_works_and_of_no_other(start_server: StartServer, fast_ear: Ear) -> None:
    """The launcher is stopped so that no worker can be replaced, and the workers are killed."""
    server = start_server(
        NOTIFY_SOCKET=fast_ear.address,
        WATCHDOG_USEC="400000",
        FILEWARDEN_POOL_START_TIMEOUT_S="2",
        FILEWARDEN_POOL_WORKERS="2",
        FILEWARDEN_POOL_SPARES="0",
    )
    assert fast_ear.next()["READY"] == "1"
    times = []
    for _ in range(8):  # some may have waited for us
        assert fast_ear.wait_for(lambda message: "WATCHDOG" in message) == {"WATCHDOG": "1"}
        times.append(time.monotonic())
    assert times[-1] - times[0] > 0.4
    workers = server.control_status()["workers"]
    (launcher,) = (int(pid) for pid in Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split())
    os.kill(launcher, signal.SIGSTOP)
    try:
        for pid in Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split():
            os.kill(int(pid), signal.SIGKILL)  # the zygotes, and their workers with them
        assert {row["pid"] for row in workers}
        out_of_order = fast_ear.wait_for(lambda message: "STATUS" in message)
        assert "has had no worker" in out_of_order["STATUS"]
        assert fast_ear.is_silent(0.6)
    finally:
        os.kill(launcher, signal.SIGCONT)
    assert "WATCHDOG" in fast_ear.wait_for(lambda message: "WATCHDOG" in message)


def test_a_manager_that_is_not_there_stops_nothing(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server(NOTIFY_SOCKET=str(tmp_path / "nobody"), WATCHDOG_USEC="nonsense", LISTEN_FDS="9")
    server.initialize()
    assert server.call("read_file", path="notes.txt")["content"][0]["text"] == "Some notes here.\n"
    server.wait_for_error("the service manager cannot be told anything")
