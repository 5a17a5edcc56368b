"""Sections D and Q, as far as the end-to-end tests do not show it: both transports, and the invariants afterwards."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.drivers.busy import BUSY_S
from tests.drivers.process import ending

pytestmark = pytest.mark.integration

FAULTY = (str(Path(__file__).parent.parent / "end_to_end" / "faulty" / "server.py"),)
PRODUCT = ("-c", "from filewarden.transports.cli import main; raise SystemExit(main())")
DEADLINE_S = 0.6 + 0.25
SLACK_S = 0.5
SHORT = {
    "FILEWARDEN_DEADLINES_READ_S": "0.6",
    "FILEWARDEN_DEADLINES_SCAN_S": "0.6",
    "FILEWARDEN_POOL_WORKERS": "3",
    "FILEWARDEN_POOL_SCAN_WORKERS": "1",
}


@pytest.fixture(scope="module")
def shared(launch: Callable[..., Any], ground: Any) -> Callable[[str], Any]:
    servers: dict[str, Any] = {}

    def find(kind: str) -> Any:
        if kind not in servers or servers[kind].process.poll() is not None:
            servers[kind] = launch(kind, ground, program=FAULTY, **SHORT)
        servers[kind].settle()
        return servers[kind]

    return find


@pytest.fixture
def faulty(transport: str, shared: Callable[[str], Any], guard: Callable[..., Any]) -> Any:
    """A server with misbehaving tools, short deadlines and three workers."""
    return guard(shared(transport))


@pytest.fixture
def fresh(transport: str, launch: Callable[..., Any], ground: Any) -> Callable[..., Any]:
    """Servers for one test alone."""

    def start(**variables: str) -> Any:
        return launch(transport, ground, program=FAULTY, **variables)

    return start


def gone(processes: list[psutil.Process], timeout_s: float) -> bool:
    left = psutil.wait_procs(processes, timeout_s + BUSY_S)[1]
    return not [each for each in left if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]


def family(server: Any) -> list[psutil.Process]:
    found: list[psutil.Process] = psutil.Process(server.pid).children(recursive=True)
    return found


def test_q01_memory(fresh: Callable[..., Any], guard: Callable[..., Any], ground: Any) -> None:
    """With the usual deadlines: on a busy machine memory fills slowly."""
    server = guard(fresh(), ground)
    assert server.code("eat", megabytes=10_000) == "memory_limit"
    server.settle()


@pytest.mark.parametrize("tool", ["spin", *(pytest.param(each, marks=pytest.mark.slow) for each in ("sleep", "scan"))])
def test_q02_q03_q04_a_call_without_end(faulty: Any, tool: str) -> None:
    begun = time.monotonic()
    assert faulty.code(tool, seconds=60) in ("timeout", "ok")
    assert time.monotonic() - begun < DEADLINE_S + SLACK_S + BUSY_S


@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGSEGV, marks=pytest.mark.slow)])
def test_d05_worker_killed_in_a_job(faulty: Any, number: int) -> None:
    assert faulty.code("die", number=int(number)) == "worker_crashed"


@pytest.mark.slow
def test_d06_worker_stopped_and_continued(faulty: Any, code: Callable[..., str]) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(faulty.many, [("sleep", {"seconds": 60.001})])
        row = faulty.wait_for_status(lambda status: status["pool"]["busy"])["workers"]
        pid = next(each["pid"] for each in row if each["state"] == "busy")
        os.kill(pid, signal.SIGSTOP)
        assert code(waiting.result(10)[0]) == "timeout"
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)
    faulty.wait_for_status(lambda status: status["pool"]["ready"] == 3)


def test_q08_queue_flood(faulty: Any, code: Callable[..., str]) -> None:
    before = faulty.memory_mb()
    answers = faulty.many([("read_file", {"path": "small.txt"})] * 2000)
    assert {code(answer) for answer in answers} <= {"ok", "overloaded"}
    assert faulty.memory_mb() - before < 30


def test_q12_all_workers_hung(faulty: Any, code: Callable[..., str]) -> None:
    begun = time.monotonic()
    answers = faulty.many([("spin", {"seconds": 60.002})] * 6)
    assert {code(answer) for answer in answers} == {"timeout"}
    assert time.monotonic() - begun < 2 * DEADLINE_S + 2 + BUSY_S
    faulty.wait_for_status(lambda status: status["pool"]["ready"] == 3)


@pytest.mark.slow
def test_q13_poison_requests_do_not_take_the_last_slot(faulty: Any, code: Callable[..., str]) -> None:
    answers = faulty.many([("die", {"number": 11})] * 6)
    assert {code(answer) for answer in answers} <= {"worker_crashed", "overloaded"}
    faulty.wait_for_status(lambda status: status["pool"]["ready"] >= 1)
    assert faulty.text("small.txt") == "small text\n"
    faulty.wait_for_status(lambda status: status["pool"]["ready"] == 3, timeout_s=20)


def test_q11_cancel_storm(long_lived: Callable[[str], Any], guard: Callable[..., Any]) -> None:
    pipe = guard(long_lived("stdio"))
    cancelled = []
    for number in range(500):
        request_id = f"c{number}"
        pipe.send_bytes(
            pipe.frame("tools/call", {"name": "search_files", "arguments": {"pattern": "**/*"}}, request_id) + b"\n"
        )
        for target in (request_id, "unknown", f"c{number - 1}"):
            note = b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"%s"}}\n'
            pipe.send_bytes(note % target.encode())
        cancelled.append(request_id)
    pipe.send_bytes(pipe.frame("ping", {}, "after") + b"\n")
    seen = []
    while (message := pipe.receive())["id"] != "after":
        seen.append(message["id"])
    assert len(seen) == len(set(seen))
    assert set(seen) <= set(cancelled)


def test_s10_q11_a_cancelled_search_stops(shared: Callable[[str], Any], guard: Callable[..., Any]) -> None:
    pipe = guard(shared("stdio"))
    pipe.send_bytes(pipe.frame("tools/call", {"name": "spin", "arguments": {"seconds": 60.003}}, "victim") + b"\n")
    before = pipe.wait_for_status(lambda status: status["pool"]["busy"] == 1)["calls"]
    begun = time.monotonic()
    pipe.send_bytes(b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"victim"}}\n')
    after = pipe.wait_for_status(lambda status: status["pool"]["busy"] == 0)["calls"]
    assert time.monotonic() - begun < 0.25 + 0.25 + BUSY_S
    assert (after["cancelled"], after["timeouts"]) == (before["cancelled"] + 1, before["timeouts"])
    assert pipe.raw(b"", answers=0) == []


def test_q11_a_foreign_cancel_touches_nothing(
    launch: Callable[..., Any], ground: Any, guard: Callable[..., Any]
) -> None:
    import threading

    web = guard(launch("http", ground, program=FAULTY))
    other = web.exchange(web.frame("initialize", {}), mcp_session_id="")[1]["Mcp-Session-Id"]
    answer: list[bytes] = []
    frame = web.frame("tools/call", {"name": "sleep", "arguments": {"seconds": 1.5}}, 77)
    victim = threading.Thread(target=lambda: answer.append(web.exchange(frame)[2]))
    victim.start()
    web.wait_for_status(lambda status: status["pool"]["busy"] == 1)
    note = b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":77}}'
    assert web.exchange(note, mcp_session_id=other)[0] == 202
    victim.join(20)
    assert b'"done"' in answer[0]
    web.exchange(None, "DELETE", mcp_session_id=other)


@pytest.mark.parametrize("calls", [5, pytest.param(0, marks=pytest.mark.slow), pytest.param(1, marks=pytest.mark.slow)])
def test_d01_end_of_input(launch: Callable[..., Any], ground: Any, calls: int) -> None:
    server = launch("stdio", ground, program=FAULTY)
    for _ in range(calls):
        server.send_bytes(server.frame("tools/call", {"name": "spin", "arguments": {"seconds": 60.004}}) + b"\n")
    processes = family(server)
    server.process.stdin.close()
    begun = time.monotonic()
    assert server.process.wait(20) == 0
    assert time.monotonic() - begun < 2.0 + BUSY_S
    assert gone(processes, 1.0)


@pytest.mark.slow
def test_d02_the_client_is_killed(ground: Any) -> None:
    """The server's input ends with its client, however that ended."""
    script = (
        "import subprocess, sys\n"
        "server = subprocess.Popen([sys.executable, *sys.argv[1:]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        'server.stdin.write(b\'{"jsonrpc":"2.0","id":1,"method":"ping"}\\n\'); server.stdin.flush()\n'
        "server.stdout.readline(); print(server.pid, flush=True); sys.stdin.read()"
    )
    started = subprocess.Popen(
        [sys.executable, "-c", script, *PRODUCT, "serve", str(ground.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"HOME": "/nonexistent", "PATH": os.defpath, "XDG_STATE_HOME": str(ground.base / "state-d02")},
    )
    with ending(started) as client:
        assert client.stdout is not None
        server = psutil.Process(int(client.stdout.readline()))
        processes = [server, *server.children(recursive=True)]
        client.kill()
        assert gone(processes, 3.0)


def test_d03_front_end_killed_hard(fresh: Callable[..., Any]) -> None:
    server = fresh()
    processes = family(server)
    server.process.kill()
    assert gone(processes, 1.0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_d04_polite_stop_and_a_second_signal(fresh: Callable[..., Any], number: int) -> None:
    from concurrent.futures import ThreadPoolExecutor

    server = fresh(FILEWARDEN_POOL_DRAIN_S="30")
    processes = family(server)
    with ThreadPoolExecutor(1) as pool:
        lost = pool.submit(server.many, [("sleep", {"seconds": 9})])
        server.wait_for_status(lambda status: status["pool"]["busy"] == 1)
        server.process.send_signal(number)
        server.wait_for_status(lambda status: status["status"] == "draining")
        begun = time.monotonic()
        server.process.send_signal(number)
        assert server.process.wait(20) == -number
        assert time.monotonic() - begun < 1.0 + BUSY_S
        assert lost.exception(10) is not None
    assert gone(processes, 1.0)


def test_d07_front_end_stopped_for_longer_than_every_deadline(faulty: Any) -> None:
    restarts = faulty.status()["pool"]["restarts_total"]
    os.kill(faulty.pid, signal.SIGSTOP)
    time.sleep(2.0)  # the attack itself: so long, and nothing to wait for
    os.kill(faulty.pid, signal.SIGCONT)
    assert faulty.text("small.txt") == "small text\n"
    assert faulty.status()["pool"]["restarts_total"] <= restarts + 1


@pytest.mark.slow
def test_d08_recycling_under_load(
    transport: str, launch: Callable[..., Any], ground: Any, code: Callable[..., str]
) -> None:
    server = launch(transport, ground, FILEWARDEN_POOL_RECYCLE_AFTER_CALLS="10")
    for _ in range(15):
        answers = server.many([("read_file", {"path": "small.txt"})] * 20)
        assert {code(answer) for answer in answers} == {"ok"}


def test_d11_two_servers_over_the_same_roots(transport: str, launch: Callable[..., Any], ground: Any) -> None:
    first, second = launch(transport, ground), launch(transport, ground)
    assert first.text("small.txt") == second.text("small.txt") == "small text\n"
    assert first.pid != second.pid


@pytest.mark.skipif(os.geteuid() != 0, reason="about being started as root")
def test_d13_started_as_root_workers_and_front_end_are_somebody_else(client: Any) -> None:
    for row in [{"pid": client.pid}, *client.status()["workers"]]:
        assert 0 not in psutil.Process(row["pid"]).uids()


HOSTILE = {
    "locale": "import os; os.environ.update(LC_ALL='xx_YY.x', LANG='', PYTHONIOENCODING='ascii', TZ=':/etc/passwd')",
    "umask": "import os; os.umask(0o777)",
    "open-umask": "import os; os.umask(0)",
    "descriptors": "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))",
    "stack": "import resource; resource.setrlimit(resource.RLIMIT_STACK, (512 * 1024, 512 * 1024))",
    "no-stderr": "import os; os.close(2)",
    "core": "import resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0))",
    "signals": "import signal; [signal.signal(each, signal.SIG_IGN) for each in (13, 15, 17)]",
    "time": "import time; time.time = lambda: 4e9",
}


@pytest.mark.parametrize(
    "fault",
    [
        "umask",
        "signals",
        *(pytest.param(each, marks=pytest.mark.slow) for each in HOSTILE if each not in ("umask", "signals")),
    ],
)
def test_d14_hostile_start_environment(ground: Any, grounds: Callable[[], Any], fault: str) -> None:
    """It serves, or it ends with a clear sentence."""
    done = subprocess.run(
        [sys.executable, "-c", f"{HOSTILE[fault]}\n{PRODUCT[1]}", "serve", str(ground.root)],
        input=b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}\n'
        b'{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"read_file","arguments":{"path":"small.txt"}}}\n',
        capture_output=True,
        timeout=30,
        env={"HOME": "/nonexistent", "PATH": os.defpath, "XDG_STATE_HOME": str(grounds().base)},
        check=False,
    )
    assert b"Traceback" not in done.stderr
    if done.returncode == 0:
        assert b"small text" in done.stdout
    else:
        assert done.returncode in (1, 2)
        assert done.stderr.strip()


@pytest.mark.slow
def test_q10_a_client_that_does_not_read(launch: Callable[..., Any], ground: Any) -> None:
    ours, theirs = socket.socketpair()
    started = subprocess.Popen(
        [sys.executable, *PRODUCT, "serve", str(ground.root)],
        stdin=theirs.fileno(),
        stdout=theirs.fileno(),
        stderr=subprocess.DEVNULL,
        env={"HOME": "/nonexistent", "PATH": os.defpath, "XDG_STATE_HOME": str(ground.base / "state-q10")},
    )
    with ours, ending(started) as server:
        theirs.close()
        ours.settimeout(0.5)
        line = b'{"jsonrpc":"2.0","id":%d,"method":"initialize","params":{}}\n'
        try:
            for number in range(200_000):
                ours.sendall(line % number)
        except TimeoutError:
            pass
        assert psutil.Process(server.pid).memory_info().rss < 150 * 1024 * 1024
        ours.close()
        assert server.wait(20) == 0


JUMPING = (
    "-c",
    "import time; real = time.time; jumps = iter(range(10**9))\n"
    "time.time = lambda: real() + (-1) ** next(jumps) * 365 * 86400\n" + PRODUCT[1],
)


def test_q17_a_wall_clock_that_jumps_changes_no_deadline(
    transport: str, launch: Callable[..., Any], ground: Any, guard: Callable[..., Any]
) -> None:
    """A year on and a year back, at every look of the front-end."""
    server = guard(launch(transport, ground, program=JUMPING))
    for _ in range(50):
        assert server.code("read_file", path="small.txt") == "ok"
        assert server.code("search_files", pattern="*") == "ok"
    status = server.status()
    assert (status["pool"]["restarts_total"], status["calls"]["timeouts"]) == (0, 0)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_q18_a_long_run_leaves_memory_and_descriptors_as_they_were(client: Any, code: Callable[..., str]) -> None:
    """The catalogue's million, made short enough for every change."""
    mixed: list[tuple[str, dict[str, Any]]] = [
        ("read_file", {"path": "small.txt"}),
        ("get_file_info", {"path": "small.txt"}),
        ("list_directory", {"path": "."}),
        ("search_files", {"pattern": "*"}),
        ("read_file", {"path": "missing"}),
        ("read_file", {"path": "../OUT/canary.txt"}),
    ] * 4

    def run(calls: int) -> None:
        for _ in range(calls // len(mixed)):
            assert {code(answer) for answer in client.many(mixed)} == {"ok", "not_found", "access_denied"}
            client.traffic.clear()

    run(3_000)
    memory, (processes, descriptors) = client.memory_mb(), client.census()
    run(20_000 if client.kind == "stdio" else 5_000)
    assert client.memory_mb() < memory * 1.05
    assert client.census()[0] == processes
    assert client.census()[1] <= descriptors
