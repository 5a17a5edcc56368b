"""As a new operator would try it: break something, and see it everywhere within a second, with its cause."""

import itertools
import os
import re
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import pytest

from tests.drivers.busy import BUSY_S

pytestmark = [pytest.mark.integration, pytest.mark.alone]
PATIENCE_S = 1.0 + BUSY_S
SETTINGS = {
    "FILEWARDEN_DEADLINES_READ_S": "1.5",
    "FILEWARDEN_LIMITS_QUEUE": "2",
    "FILEWARDEN_LOG_FORMAT": "json",
    "FILEWARDEN_POOL_WORKER_MEMORY_MB": "128",
    "FILEWARDEN_POOL_WORKERS": "2",
}
Json = dict[str, Any]
IDS = itertools.count(10)


@pytest.fixture(scope="module")
def server(start_shared_http: Callable[..., Any]) -> Any:
    return start_shared_http(faulty=True, **SETTINGS)


def call(server: Any, session: str, tool: str, **arguments: object) -> Json:
    body = {"jsonrpc": "2.0", "id": next(IDS), "method": "tools/call", "params": {"name": tool, "arguments": arguments}}
    reply: Json = server.post(body, mcp_session_id=session).json
    return reply


def kill_one(server: Any) -> None:
    os.kill(server.status()["workers"][0]["pid"], signal.SIGKILL)


def hang_one(server: Any) -> None:
    assert call(server, server.open_session(), "spin")["result"]["isError"]


def fill_one(server: Any) -> None:
    assert call(server, server.open_session(), "eat", megabytes=2000)["result"]["isError"]


def overload(server: Any) -> None:
    session = server.open_session()
    with ThreadPoolExecutor(12) as clients:
        answers = list(clients.map(lambda _: call(server, session, "sleep", seconds=0.3), range(12)))
    assert any("overloaded" in str(answer) for answer in answers), answers


def seen(looks: Callable[[], bool]) -> bool:
    """Whether it is seen within a second, and how often it has to be looked for is nobody's business."""
    give_up_at = time.monotonic() + PATIENCE_S
    while not looks():
        if time.monotonic() > give_up_at:
            return False
        threading.Event().wait(0.02)
    return True


def metric(server: Any, series: str) -> float:
    found = re.search(rf"^{re.escape(series)} (\S+)$", server.get("/metrics", accept="text/plain").body.decode(), re.M)
    assert found is not None, series
    return float(found[1])


@pytest.mark.parametrize(
    ("break_it", "place", "words", "told", "series"),
    [
        (kill_one, "#workers", "crash", ("pool", "exits", "crash"), 'worker_restarts_total{cause="crash"}'),
        (hang_one, "#workers", "deadline", ("pool", "exits", "deadline"), 'worker_restarts_total{cause="deadline"}'),
        (fill_one, "#workers", "memory limit", ("pool", "exits", "memory"), 'worker_restarts_total{cause="memory"}'),
        (overload, "#refusals", "queue full", ("refusals", "queue_full"), 'refusals_total{reason="queue_full"}'),
    ],
)
def test_what_breaks_is_seen_everywhere_within_a_second(
    server: Any,
    open_page: Callable[..., Any],
    break_it: Callable[[Any], None],
    place: str,
    words: str,
    told: tuple[str, ...],
    series: str,
) -> None:
    def in_status() -> int:
        found = server.status()
        for key in told:
            found = found[key]
        return int(found)

    page = open_page(server.url, server.token)
    assert words not in page.inner_text(place)
    before = in_status()
    assert metric(server, f"filewarden_{series}") == before
    break_it(server)
    page.wait_for_function(
        "([place, words]) => document.querySelector(place).innerText.includes(words)",
        arg=[place, words],
        timeout=1000 * PATIENCE_S,
    )
    assert seen(lambda: in_status() > before)
    assert seen(lambda: metric(server, f"filewarden_{series}") > before)
    cause = f'"cause":"{told[-1]}"' if told[0] == "pool" else f'"{told[-1]}":'
    assert seen(lambda: cause in server.errors), server.errors


def test_a_pool_that_cannot_serve_is_told_with_its_reason(start_http: Callable[..., Any]) -> None:
    server = start_http(FILEWARDEN_POOL_START_TIMEOUT_S="2")
    rows = server.wait_for_status(lambda status: status["pool"]["spares"] == 1)["workers"]
    zygote = psutil.Process(rows[0]["pid"]).parent()
    assert zygote is not None
    zygote.suspend()  # it starts nobody, and nobody knows yet
    for worker in [each for each in zygote.children() if each.status() != psutil.STATUS_ZOMBIE]:
        worker.kill()
    assert seen(lambda: server.get("/readyz").status == 503)
    status = server.status()
    assert (status["status"], status["ready"]) == ("degraded", False)
    assert re.fullmatch(r"The read-only pool has no worker: 0 of \d are ready\..*", status["problems"][0])
    assert metric(server, "filewarden_ready") == 0
    assert seen(lambda: f"the server is not ready: {status['problems'][0]}" in server.errors), server.errors
    assert server.get("/readyz").body == b'{"status":"not ready"}'
    server.wait_for_status(lambda status: status["ready"])
    assert seen(lambda: "the server is ready again" in server.errors)


def test_a_weak_sandbox_is_seen_everywhere(start_http: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    server = start_http("--sandbox", "off")
    status = server.status()
    assert (status["status"], status["sandbox"]["level"]) == ("degraded", "off")
    assert metric(server, 'filewarden_sandbox_level{level="off"}') == 1
    page = open_page(server.url, server.token)
    assert page.inner_text("#health") == "degraded"
    assert status["problems"][0] in page.inner_text("#problems")
    assert page.inner_text("#sandbox .pill") == "off (off)"
    assert "sandbox off" in server.errors or "sandbox=off" in server.errors
