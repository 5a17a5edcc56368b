"""`filewarden status --watch`: in a terminal, with rich and without, and elsewhere."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from filewarden.broker.lifecycle import State
from filewarden.transports import status_watch
from filewarden.transports.status_sight import NO_SERVER, Sight, plain
from filewarden.transports.status_watch import fitting, watch

PRODUCT = ("-c", "from filewarden.transports.cli import main; raise SystemExit(main())")
WITHOUT_RICH = ("-c", f"import sys; sys.modules['rich'] = None; {PRODUCT[1]}")
PATIENCE_S = 20.0

DOCUMENT: dict[str, Any] = {
    "status": "ok",
    "server": "filewarden",
    "version": "1",
    "uptime_s": 1.0,
    "transport": "stdio",
    "sandbox": {"mode": "required", "level": "full", "degraded": ["[red]\u001b[2J"], "layers": {}},
    "pool": {"size": 1, "ready": 1, "busy": 1, "spares": 0, "restarts_total": 0, "breaker": "closed"},
    "workers": [
        {
            "slot": 0,
            "pid": 4711,
            "state": State.BUSY.value,
            "tool": "read_file",
            "busy_ms": 12.0,
            "rss_bytes": 1048576,
            "cpu_percent": 0.0,
            "calls_total": 17,
            "restarts": 0,
            "last_exit": None,
            "uptime_s": 1.0,
        }
    ],
    "queue": {"depth": 0, "limit": 256, "rejected_total": 0},
    "calls": {"total": 17, "errors": 0, "timeouts": 0, "cancelled": 0, "by_tool": {}},
    "clients": {"stdio": 1, "http": 0, "sse": 0},
}


def sight(document: dict[str, Any] | None = DOCUMENT) -> Sight:
    return Sight([] if document is None else [json.dumps(document).encode()], [])


@pytest.fixture
def two_looks(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Watch until the second look, at which somebody presses Ctrl-C."""
    monkeypatch.setattr(status_watch, "EVERY_S", 0.0)

    def run(*, as_json: bool = False, seen: Sight | None = None) -> int:
        def looks() -> Iterator[Sight]:
            yield sight() if seen is None else seen
            raise KeyboardInterrupt

        iterator = looks()
        return watch(lambda: next(iterator), as_json=as_json)

    return run


def test_a_server_is_told_by_its_process_with_what_waits_and_who_keeps_it_busy() -> None:
    clients = [
        {"id": f"http-{number}", "transport": "http", "name": name, "principal": "p", "in_flight": calls}
        for number, name, calls in ((1, "calm", 0), (2, "greedy\u001b[2J", 30), (3, "", 2), (4, "b", 1), (5, "c", 1))
    ]
    more = {
        "front_end": {"pid": 815, "rss_bytes": 1, "cpu_seconds": 1, "open_files": 1, "max_files": 1},
        "configuration": {"problem": "no\u001b[2J", "needs_restart": ["http.port", "pool.zeromq"]},
        "clients": {"stdio": 0, "http": 5, "sse": 0},
        "client_list": [{"connected_s": 1.0, **client} for client in clients],
    }
    lines = plain(sight({**DOCUMENT, **more})).splitlines()
    assert lines[0].startswith("filewarden 1: ok, stdio, process 815, up 1 s")
    assert r"  the latest reload was refused: no\x1b[2J" in lines
    assert "  waits for a restart: http.port, pool.zeromq" in lines
    assert r"  clients 5; in flight: http-2 greedy\x1b[2J 30, http-3 2, http-4 b 1" in lines
    quiet = plain(sight())
    assert not any(word in quiet for word in ("reload", "restart:", "clients", "process"))


def test_without_a_terminal_it_is_the_plain_text_with_the_time(
    two_looks: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert two_looks() == 0
    shown = capsys.readouterr().out
    assert "4711" in shown
    assert "read_file" in shown
    assert "\x1b" not in shown
    assert two_looks(seen=sight(None)) == 0
    assert NO_SERVER in capsys.readouterr().out


def test_what_is_wrong_and_what_was_refused_stands_above_the_workers() -> None:
    problems = ["The audit log cannot be written: \u001b[2J."]
    document = {**DOCUMENT, "problems": problems, "refusals": {"queue_full": 3, "audit": 0}}
    lines = plain(sight(document)).splitlines()
    assert lines[1] == "  problem: The audit log cannot be written: \\x1b[2J."
    assert "  refused before a worker saw it: queue_full 3" in lines
    assert not [line for line in plain(sight()).splitlines() if "problem" in line or "refused" in line]


def test_a_server_is_told_from_others_by_its_folders_and_address() -> None:
    roots = [{"path": f"/srv/{name}\u001b[2J", "mode": "ro"} for name in "abcdef"]
    roots[0]["mode"] = "rw"
    lines = plain(sight({**DOCUMENT, "roots": roots, "addresses": ["http://127.0.0.1:8765/mcp"]})).splitlines()
    assert lines[1] == (
        r"  serves /srv/a\x1b[2J (rw), /srv/b\x1b[2J (ro), /srv/c\x1b[2J (ro), /srv/d\x1b[2J (ro) and 2 more "
        "at http://127.0.0.1:8765/mcp"
    )
    lines = plain(sight({**DOCUMENT, "roots": roots[:1]})).splitlines()
    assert lines[1] == r"  serves /srv/a\x1b[2J (rw)"


def test_each_problem_of_a_refused_reload_has_a_line_of_its_own() -> None:
    problem = "config error: 2 problems\n  pool.nope (/c.toml): unknown\u001b[2J\n  htpp (/c.toml): unknown section"
    lines = plain(sight({**DOCUMENT, "configuration": {"problem": problem}})).splitlines()
    at = lines.index("  the latest reload was refused: config error: 2 problems")
    assert lines[at + 1 : at + 3] == [r"    pool.nope (/c.toml): unknown\x1b[2J", "    htpp (/c.toml): unknown section"]


def test_what_a_small_terminal_has_no_room_for_does_not_scroll_the_top_away() -> None:
    text = "head\n" + "x" * 25 + "\nrow 1\nrow 2\nrow 3\n"
    assert fitting(text, columns=80, lines=24) == text
    assert fitting(text, columns=80, lines=4) == "head\n" + "x" * 25 + "\n...\n"
    assert fitting(text, columns=10, lines=6) == "head\n" + "x" * 25 + "\n...\n"
    assert fitting(text, columns=80, lines=1) == fitting(text, columns=0, lines=0) == "...\n"


def test_for_a_program_each_look_is_a_line(two_looks: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert two_looks(as_json=True) == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [[DOCUMENT]]


def _seen_in_terminal(command: list[str], environ: dict[str, str], wanted: bytes) -> tuple[int, bytes]:
    """Run it in a terminal until it has shown `wanted`, press Ctrl-C there; its exit status, and all it showed."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        command, env=environ, stdin=follower, stdout=follower, stderr=follower, start_new_session=True
    )
    os.close(follower)
    seen, give_up_at = b"", time.monotonic() + PATIENCE_S
    try:
        while wanted not in seen and time.monotonic() < give_up_at:
            seen += os.read(leader, 65_536)
        process.send_signal(signal.SIGINT)
        return process.wait(PATIENCE_S), seen
    finally:
        process.kill()
        process.wait(PATIENCE_S)
        os.close(leader)


@pytest.mark.integration
@pytest.mark.parametrize("program", [PRODUCT, WITHOUT_RICH], ids=["rich", "plain"])
def test_in_a_terminal_it_is_drawn_again_until_ctrl_c(
    program: tuple[str, ...], environ: dict[str, str], tmp_path: Path
) -> None:
    command = [sys.executable, *program, "status", "--watch"]
    environ = {**environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "40"}
    status, seen = _seen_in_terminal(command, environ, b"No server of yours is running")
    assert status == 0
    assert b"Ctrl-C ends this" in seen
    assert (b"\x1b[?1049h" in seen) == (program == PRODUCT)
