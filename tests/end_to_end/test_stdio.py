"""The whole path on stdio: what a client sees, and how a server starts and ends."""

import json
import os
import pty
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.drivers.busy import BUSY_S
from tests.drivers.process import ending

pytestmark = pytest.mark.integration

START = Callable[..., Any]
Json = dict[str, Any]
NO_WORKERS = (str(Path(__file__).parent / "faulty" / "no_workers.py"),)
SERVE = [sys.executable, "-c", "from filewarden.transports.cli import main; raise SystemExit(main())", "serve"]


def test_initialize_is_answered_though_no_worker_ever_comes(start_server: START) -> None:
    server = start_server(program=NO_WORKERS, FILEWARDEN_DEADLINES_READ_S="0.3")
    assert server.initialize()["serverInfo"]["name"] == "filewarden"
    assert server.call("list_directory")["structuredContent"]["error"]["code"] == "timeout"
    assert server.status()["pool"]["ready"] == 0


def test_a_call_that_comes_before_the_workers_waits_for_them(server: Any) -> None:
    assert "My Project" in server.call("read_file", path="README.md")["content"][0]["text"]


def test_a_long_text_arrives_whole(server: Any, tree: Path) -> None:
    text = 'x"\n\u00fc\u20ac\U0001f600' * 30_000
    (tree / "long.txt").write_text(text)
    (tree / "long.txt").chmod(0o644)
    answer = server.call("read_file", path="long.txt")
    assert answer["content"] == [{"type": "text", "text": text}]
    assert answer["_meta"]["io.filewarden/read_file"]["lines"] == 30_001


def test_answers_come_in_any_order_each_to_its_id(server: Any, tree: Path) -> None:
    for number in range(200):
        (tree / f"file{number}.txt").write_text(f"content {number}")
        (tree / f"file{number}.txt").chmod(0o644)
    calls = {}
    for number in range(200):
        calls[number] = server.start_call("read_file", path=f"file{number}.txt")
        if number >= 20:
            answer = server.answer(calls[number - 20])
            assert answer["result"]["content"][0]["text"] == f"content {number - 20}"


def test_a_greedy_client_is_refused_beyond_its_share(start_server: START) -> None:
    server = start_server(FILEWARDEN_LIMITS_PER_CLIENT_IN_FLIGHT="4")
    server.initialize()
    calls = [server.start_call("get_file_info", path=".") for _ in range(30)]
    answers = [server.answer(call)["result"] for call in calls]
    codes = {answer["structuredContent"].get("error", {}).get("code") for answer in answers}
    assert codes <= {None, "overloaded"}
    assert None in codes


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"not json at all", -32700),
        (b"{", -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":"\xff"}', -32700),
        (b"[" * 100_000, -32700),
        (b"[]", -32600),
        (b"1", -32600),
        (b'{"jsonrpc":"2.0","id":7}', -32600),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600),
        (b'{"jsonrpc":"1.0","id":7,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":7,"method":"no/such"}', -32601),
        (b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"no_such"}}', -32602),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_bad_line_gets_an_error_and_the_next_is_served(server: Any, line: bytes, code: int) -> None:
    server.send_line(line)
    assert server.receive()["error"]["code"] == code
    assert server.request("ping")["result"] == {}


def test_j10_a_line_over_the_limit_is_refused_and_the_next_is_served(start_server: START) -> None:
    server = start_server(FILEWARDEN_LIMITS_MAX_MESSAGE_BYTES="100000")
    server.initialize()
    server.send_line(b'{"jsonrpc":"2.0","id":5,"method":"ping","params":{"x":"' + b"x" * 3_000_000 + b'"}}')
    error = server.receive()["error"]
    assert error["code"] == -32600
    assert "limits.max_message_bytes" in error["message"]
    assert server.request("ping")["result"] == {}


def test_a_long_line_within_the_limit_is_served(server: Any) -> None:
    answer = server.request("ping", {"padding": "x" * 10_000_000})
    assert answer["result"] == {}


def test_notifications_and_blank_lines_get_no_answer(server: Any) -> None:
    server.notify("notifications/initialized", {})
    server.notify("no/such/notification", {})
    server.send_line(b"")
    server.send_line(b"   \r")
    assert server.request("ping")["result"] == {}


def test_the_end_of_input_ends_everything(
    server: Any, descendants: Callable[[int], set[int]], all_gone: Callable[[set[int], float], bool]
) -> None:
    server.wait_until_ready()
    below = descendants(server.pid)
    assert len(below) >= 5
    start = time.monotonic()
    assert server.finish() == 0
    assert time.monotonic() - start < 2 + BUSY_S
    assert all_gone(below, 1.0)


def test_calls_under_way_at_the_end_of_input_are_still_answered(tree: Path, environ: dict[str, str]) -> None:
    lines = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}},
        {
            "jsonrpc": "2.0",
            "id": 2,
            "method": "tools/call",
            "params": {"name": "read_file", "arguments": {"path": "notes.txt"}},
        },
    ]
    text = "\n".join(json.dumps(line) for line in lines) + "\n"
    done = subprocess.run([*SERVE, str(tree)], input=text, capture_output=True, text=True, env=environ, timeout=20)
    answers = {message["id"]: message for message in map(json.loads, done.stdout.splitlines())}
    assert done.returncode == 0
    assert "Some notes" in answers[2]["result"]["content"][0]["text"]


def test_a_last_line_that_nobody_ended_is_served(tree: Path, environ: dict[str, str]) -> None:
    text = '{"jsonrpc":"2.0","id":1,"method":"ping"}'
    done = subprocess.run([*SERVE, str(tree)], input=text, capture_output=True, text=True, env=environ, timeout=20)
    assert json.loads(done.stdout)["id"] == 1


@pytest.mark.parametrize("closed", [{0}, {1}, {0, 1, 2}], ids=str)
def test_a_start_with_closed_standard_descriptors_harms_nothing(
    tree: Path, environ: dict[str, str], closed: set[int]
) -> None:
    def close() -> None:
        for fd in closed:
            os.close(fd)

    done = subprocess.run(
        [*SERVE, str(tree)], stdin=subprocess.DEVNULL, capture_output=True, env=environ, timeout=20, preexec_fn=close
    )
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr


def test_a_signal_to_every_process_still_lets_calls_finish(
    start_server: START, descendants: Callable[[int], set[int]], all_gone: Callable[[set[int], float], bool]
) -> None:
    server = start_server(faulty=True)
    server.initialize()
    server.wait_until_ready()
    call = server.start_call("sleep", seconds=1.5)
    server.wait_for_status(lambda status: status["pool"]["busy"] == 1)
    below = descendants(server.pid)
    for pid in (*below, server.pid):
        os.kill(pid, signal.SIGTERM)
    assert server.answer(call)["result"]["structuredContent"]["done"]
    assert server.process.wait(20) == 0
    assert all_gone(below, 1.0)


def test_calls_are_answered_when_the_launcher_is_lost(server: Any) -> None:
    server.wait_until_ready()
    launcher = int(Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()[0])
    os.kill(launcher, signal.SIGKILL)
    assert server.process.wait(20) == 1
    server.wait_for_error("the launcher process ended")


def test_a_hung_server_is_named(server: Any, environ: dict[str, str]) -> None:
    server.wait_until_ready()
    server.process.send_signal(signal.SIGSTOP)
    done = subprocess.run([*SERVE[:-1], "status"], capture_output=True, text=True, env=environ, timeout=20)
    server.process.send_signal(signal.SIGCONT)
    assert done.returncode == 1
    assert f"{server.pid} does not answer" in done.stderr


def test_a_root_that_the_account_cannot_read_is_refused_with_a_sentence(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    done = subprocess.run(
        [*SERVE, str(private)], stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environ, timeout=20
    )
    if os.geteuid() == 0:
        assert done.returncode == 2
        assert "cannot be read by user" in done.stderr
    else:
        assert done.returncode == 0
    assert "Traceback" not in done.stderr


def test_somebody_at_a_terminal_is_told_that_a_client_belongs_there(tree: Path, environ: dict[str, str]) -> None:
    leader, follower = pty.openpty()
    try:
        process = subprocess.Popen([*SERVE, str(tree)], stdin=follower, stderr=subprocess.PIPE, text=True, env=environ)
        os.close(follower)
        os.write(leader, b"\x04")  # Ctrl-D
        _, said = process.communicate(timeout=20)
    finally:
        os.close(leader)
    assert process.returncode == 0
    assert "standard input is a terminal" in said


def test_input_from_a_file_is_served(tree: Path, environ: dict[str, str], tmp_path: Path) -> None:
    script = tmp_path / "script.jsonl"
    script.write_text('{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}\n')
    with script.open() as lines:
        done = subprocess.run([*SERVE, str(tree)], stdin=lines, capture_output=True, text=True, env=environ, timeout=20)
    assert done.returncode == 0
    assert json.loads(done.stdout)["id"] == 1


def test_sigterm_lets_running_calls_finish_and_leaves_no_process(
    start_server: START, descendants: Callable[[int], set[int]], all_gone: Callable[[set[int], float], bool]
) -> None:
    server = start_server(faulty=True)
    server.initialize()
    server.wait_until_ready()
    below = descendants(server.pid)
    call = server.start_call("sleep", seconds=2.5)
    server.wait_for_status(lambda status: status["pool"]["busy"] == 1)
    server.process.send_signal(signal.SIGTERM)
    server.wait_for_status(lambda status: status["status"] == "draining" and not status["ready"])
    refused = server.call("read_file", path="notes.txt")["structuredContent"]["error"]
    assert (refused["code"], refused["message"]) == ("overloaded", "The server is shutting down.")
    assert server.answer(call)["result"]["structuredContent"]["done"]
    assert server.process.wait(20) == 0
    assert all_gone(below, 1.0)


def test_sigterm_does_not_wait_longer_than_the_drain_time(start_server: START) -> None:
    server = start_server(faulty=True, FILEWARDEN_POOL_DRAIN_S="0.5")
    server.initialize()
    server.wait_until_ready()
    call = server.start_call("sleep", seconds=60)
    server.wait_for_status(lambda status: status["pool"]["busy"] == 1)
    start = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    assert server.answer(call)["result"]["structuredContent"]["error"]["code"] == "cancelled"
    assert server.process.wait(20) == 0
    assert time.monotonic() - start < 2.5 + BUSY_S


def test_sigkill_of_the_front_end_leaves_no_worker_after_a_second(
    start_server: START, descendants: Callable[[int], set[int]], all_gone: Callable[[set[int], float], bool]
) -> None:
    server = start_server(faulty=True)
    server.initialize()
    server.wait_until_ready()
    server.start_call("spin")
    server.wait_for_status(lambda status: status["pool"]["busy"] == 1)
    below = descendants(server.pid)
    server.process.send_signal(signal.SIGKILL)
    server.process.wait(20)
    assert all_gone(below, 1.0)


def test_a_killed_zygote_is_replaced_with_its_workers(
    server: Any, descendants: Callable[[int], set[int]], all_gone: Callable[[set[int], float], bool]
) -> None:
    server.wait_until_ready()
    workers = {row["pid"] for row in server.status()["workers"]}
    parent = int(Path(f"/proc/{workers.copy().pop()}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(parent, signal.SIGKILL)
    assert all_gone(workers, 1.0)
    server.wait_until_ready()
    assert not workers & {row["pid"] for row in server.status()["workers"]}
    assert not server.call("list_directory").get("isError")


def test_a_reader_that_leaves_ends_the_server(tree: Path, environ: dict[str, str]) -> None:
    read_end, write_end = os.pipe()
    started = subprocess.Popen(
        [*SERVE, str(tree)], stdin=subprocess.PIPE, stdout=write_end, stderr=subprocess.DEVNULL, env=environ
    )
    with ending(started) as server:
        os.close(write_end)
        os.close(read_end)
        assert server.stdin is not None
        server.stdin.write(b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
        server.stdin.flush()
        assert server.wait(10) == 0


def test_a_client_that_does_not_read_costs_bounded_memory_and_gets_everything_later(
    tree: Path, environ: dict[str, str]
) -> None:
    import psutil

    big = tree / "big.txt"
    big.write_text("x" * 900_000)
    big.chmod(0o644)
    parent, child = socket.socketpair()
    process = subprocess.Popen(
        [*SERVE, str(tree)], stdin=child.fileno(), stdout=child.fileno(), stderr=subprocess.DEVNULL, env=environ
    )
    child.close()
    with ending(process), parent, parent.makefile("rb") as answers:
        parent.settimeout(20)
        parent.sendall(b'{"jsonrpc":"2.0","id":0,"method":"initialize","params":{}}\n')
        assert json.loads(answers.readline())["id"] == 0
        call = {"name": "read_file", "arguments": {"path": "big.txt"}}
        for number in range(1, 31):
            message = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": call}
            parent.sendall(json.dumps(message).encode() + b"\n")
        seen = set()
        resident = 0
        for _ in range(30):
            resident = max(resident, psutil.Process(process.pid).memory_info().rss)
            seen.add(json.loads(answers.readline())["id"])
        assert seen == set(range(1, 31))
        assert resident < 200 * 1024 * 1024
        parent.shutdown(socket.SHUT_WR)
        assert process.wait(20) == 0


def test_nothing_but_protocol_reaches_standard_output(start_server: START) -> None:
    server = start_server(faulty=True)
    server.initialize()
    server.call("break")
    server.call("list_directory")
    server.finish()
    lines = []
    while (line := server.lines.get(timeout=20)) is not None:
        lines.append(line)
    assert all(json.loads(line)["jsonrpc"] == "2.0" for line in lines)


@pytest.mark.parametrize("mode", ["required", "best-effort", "off"])
def test_every_sandbox_mode_serves_and_says_what_it_is(start_server: START, mode: str) -> None:
    server = start_server("--sandbox", mode)
    server.initialize()
    assert not server.call("list_directory").get("isError")
    sandbox = server.status()["sandbox"]
    assert sandbox["mode"] == mode
    if mode == "off":
        assert sandbox["level"] == "off"
        assert not any(layer["active"] for layer in sandbox["layers"].values())
    else:
        assert sandbox["level"] in ("strong", "full")
        assert all(sandbox["layers"][name]["active"] for name in ("landlock", "seccomp", "no_new_privs", "rlimits"))


def test_a_killed_server_leaves_no_socket_behind(server: Any, environ: dict[str, str]) -> None:
    from filewarden.config.folders import state_folder

    server.wait_until_ready()
    opened = [os.path.realpath(link) for link in Path(f"/proc/{server.pid}/fd").iterdir()]
    (endpoints,) = (Path(path) for path in opened if path.startswith("/tmp/filewarden-"))
    assert endpoints.is_dir()
    server.kill()

    def left() -> list[Path]:
        found = (Path(state_folder(environ)) / "run").glob("*")
        return [*found, *([endpoints] if endpoints.exists() else [])]

    give_up_at = time.monotonic() + 20
    while left() and time.monotonic() < give_up_at:
        os.sched_yield()
    assert not left()


def test_bad_configuration_ends_with_status_2_and_every_problem(environ: dict[str, str]) -> None:
    done = subprocess.run(
        [*SERVE, "/no/such/folder", "--workers", "0", "--bogus"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=environ,
        timeout=20,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    for word in ("/no/such/folder", "workers", "bogus"):
        assert word in done.stderr


def test_status_lists_every_running_server(start_server: START, environ: dict[str, str]) -> None:
    first, second = start_server(), start_server()
    for server in (first, second):
        server.initialize()
        server.wait_until_ready()
    done = subprocess.run(
        [*SERVE[:-1], "status", "--json"], capture_output=True, text=True, env=environ, timeout=20, check=True
    )
    documents = json.loads(done.stdout)
    assert len(documents) == 2
    for document in documents:
        assert document["server"] == "filewarden"
        assert document["clients"] == {"stdio": 1, "http": 0, "sse": 0}
    text = subprocess.run([*SERVE[:-1], "status"], capture_output=True, text=True, env=environ, timeout=20, check=True)
    assert "last exit" in text.stdout


def test_h39_the_status_socket_is_private_and_goes_away(server: Any, environ: dict[str, str]) -> None:
    from filewarden.config.folders import runtime_folder

    path = Path(runtime_folder(environ, os.geteuid())) / f"{server.pid}.sock"
    server.wait_until_ready()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    server.finish()
    assert not path.exists() or os.geteuid() == 0
