"""What a new configuration, and a new process, cost clients that call without a pause: no call should fail."""

import signal
import time
from collections.abc import Mapping
from pathlib import Path

from tests.drivers.http import HttpServer
from tests.drivers.load import Load
from tests.drivers.manager import Manager, managing
from tests.drivers.process import PRODUCT

RELOADS = 20
RESTARTS = 10
CALLS_BETWEEN = 50
EXIT_S = 30.0
FIGURES: Mapping[str, str] = {
    "reload under load: until it counts, worst": "ms",
    "calls beside 20 reloads": "calls",
    "calls that failed beside the reloads": "calls",
    "calls beside 10 successions on one socket": "calls",
    "calls that failed beside the successions": "calls",
}


def measure(ground: Path, environ: dict[str, str]) -> dict[str, float]:
    """Every figure of `FIGURES`."""
    (ground / "README.md").write_text("What the load reads.\n")
    return dict(zip(FIGURES, (*_reloads(ground, environ), *_successions(ground, environ)), strict=True))


def _reloads(ground: Path, environ: dict[str, str]) -> tuple[float, float, float]:
    file = Path(environ["HOME"], "filewarden.toml")
    file.write_text(_settings(2))
    server = HttpServer((str(ground), "--config", str(file)), environ, PRODUCT)
    try:
        server.wait_until_ready()
        load = Load(server)
        took = [_reload(server, load, file, number) for number in range(RELOADS)]
        failures = load.end()
    finally:
        server.kill()
    return 1000 * max(took), load.answered, len(failures)


def _reload(server: HttpServer, load: Load, file: Path, number: int) -> float:
    before = server.status()["configuration"]["edition"]
    file.write_text(_settings(2 + number % 2))
    started_at = time.monotonic()
    server.process.send_signal(signal.SIGHUP)
    server.wait_for_status(lambda status: status["configuration"]["edition"] > before, EXIT_S)
    took = time.monotonic() - started_at
    load.wait_for_more(CALLS_BETWEEN)
    return took


def _settings(workers: int) -> str:
    return f"[pool]\nworkers = {workers}\nscan_workers = 1\n"


def _successions(ground: Path, environ: dict[str, str]) -> tuple[float, float]:
    with managing(Path(environ["HOME"]), ground, environ) as manager:
        server, _ear = manager.start()
        load = Load(server)
        load.wait_for_more(CALLS_BETWEEN)
        for _ in range(RESTARTS):
            server = _succeeded(manager, server)
            load.wait_for_more(CALLS_BETWEEN)
        failures = load.end()
    return load.answered, len(failures)


def _succeeded(manager: Manager, before: HttpServer) -> HttpServer:
    server, _ear = manager.start()
    before.process.send_signal(signal.SIGTERM)
    before.process.wait(EXIT_S)
    return server
