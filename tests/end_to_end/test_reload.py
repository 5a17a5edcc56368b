"""SIGHUP: the configuration is read again while a client is connected, and counts as a whole or not at all."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.drivers.messages import rpc
from tests.drivers.process import PRODUCT, ending

pytestmark = pytest.mark.integration

StartServer = Callable[..., Any]
Json = dict[str, Any]
FEW = "[pool]\nworkers = 2\nscan_workers = 1\nspares = 0\n"


class Configured:
    """A server by a configuration file, and its client."""

    def __init__(self, start_server: StartServer, file: Path, text: str, **how: Any) -> None:
        self.file = file
        self.write(text)
        self.server = start_server("--config", str(file), roots=(), **how)
        self.server.expected_spares = 0
        self.server.initialize()
        self.server.wait_until_ready()
        self.told: list[str] = []

    def write(self, text: str) -> None:
        self.file.write_text(text)

    def reload(self, text: str) -> Json:
        """Let it read another text; what it says of its configuration when it has."""
        before = self.configuration()
        self.write(text)
        self.server.process.send_signal(signal.SIGHUP)

        def is_over(status: Json) -> bool:
            now = status["configuration"]
            sums = [each["reloads_total"] + each["refused_total"] for each in (before, now)]
            return not now["reloading"] and sums[1] == sums[0] + 1

        found: Json = self.server.wait_for_status(is_over, 20.0)["configuration"]
        return found

    def configuration(self) -> Json:
        found: Json = self.server.control_status()["configuration"]
        return found

    def tools(self) -> set[str]:
        return {tool["name"] for tool in self.server.request("tools/list")["result"]["tools"]}

    def text(self, path: str) -> str:
        result = self.server.call("read_file", path=path)
        return str(result["content"][0]["text"])


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A second folder to serve."""
    folder = tmp_path / "other"
    folder.mkdir()
    folder.chmod(0o777)
    (folder / "more.txt").write_text("more\n")
    (folder / "more.txt").chmod(0o644)
    return folder


@pytest.fixture
def configured(start_server: StartServer, tmp_path: Path) -> Callable[..., Configured]:
    return lambda text, **how: Configured(start_server, tmp_path / "filewarden.toml", text, **how)


def root(path: Path, **keys: str) -> str:
    return f'[[roots]]\npath = "{path}"\n' + "".join(f'{key} = "{value}"\n' for key, value in keys.items())


def test_roots_tools_and_pools_change_and_clients_are_told(
    configured: Callable[..., Configured], tree: Path, other: Path
) -> None:
    it = configured(FEW + root(tree))
    assert it.text("notes.txt") == "Some notes here.\n"
    assert "write_file" not in it.tools()

    found = it.reload(FEW.replace("workers = 2", "workers = 3") + root(tree) + root(other, mode="rw"))
    assert (found["edition"], found["problem"], found["needs_restart"]) == (2, None, [])
    assert {it.server.receive()["method"] for _ in range(2)} == {
        "notifications/tools/list_changed",
        "notifications/resources/list_changed",
    }
    assert "write_file" in it.tools()
    assert it.text("other/more.txt") == "more\n"
    assert it.text("project/notes.txt") == "Some notes here.\n"
    assert not it.server.call("write_file", path="other/new.txt", content="new").get("isError")
    pools = [row["pool"] for row in it.server.control_status()["workers"]]
    assert (pools.count("read-only"), pools.count("read-write")) == (3, 1)

    it.reload(FEW + root(other))
    assert it.text("new.txt") == "new"
    assert "write_file" not in it.tools()
    assert "Access denied" in it.text(str(tree / "notes.txt"))
    it.server.wait_for_status(lambda status: status["configuration"]["retiring"] == 0)
    assert it.server.finish() == 0


def command(it: Configured, *words: str) -> tuple[int, str, str]:
    """What `filewarden reload` says of that user's servers."""
    done = subprocess.run(
        [sys.executable, *PRODUCT, "reload", *words],
        env=it.server.environ,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_the_command_waits_and_tells_what_came_of_it(configured: Callable[..., Configured], tree: Path) -> None:
    tree.chmod(0o777)  # for whatever account the workers have
    it = configured(FEW + root(tree))
    pid = it.server.process.pid
    it.write(FEW.replace("workers = 2", "workers = 3") + "[http]\nport = 9\n" + root(tree, mode="rw"))
    told = [
        f"server {pid}: the new configuration is in force (edition 2)",
        '  roots.project.mode: "ro" -> "rw"',
        "  pool.workers: 2 -> 3",
        "  waits for a restart: http.port",
    ]
    assert command(it) == (0, "\n".join([*told, ""]), "")
    assert it.server.control_status()["pool"]["size"] == 4  # and one that writes
    status, out, _ = command(it, str(pid), "--json")
    assert (status, [(row["pid"], row["edition"], row["changes"]) for row in json.loads(out)]) == (0, [(pid, 3, [])])
    it.write("[pool\n")
    status, out, errors = command(it, "--all")
    assert (status, out) == (2, "")
    assert errors.startswith(f"server {pid}: refused, everything stays as it was: ")
    assert command(it, "1")[0] == command(it, str(pid), "--all")[0] == 2
    assert it.server.finish() == 0
    assert command(it)[0] == 1


REFUSED: dict[str, Callable[[str], str]] = {
    "filewarden.toml": lambda text: text + "[pool]\n",
    "pool.workers": lambda text: text.replace("workers = 2", "workers = 2000"),
    "does not exist": lambda text: text.replace("project", "nowhere"),
    "alternatives in braces": lambda text: text + f'deny = ["{"{a,b}" * 12}"]\n',  # which only a zygote finds
}


def test_what_no_message_holds_is_refused_at_the_start_and_later(
    configured: Callable[..., Configured], tree: Path, environ: dict[str, str]
) -> None:
    it = configured(FEW + root(tree))
    rules = ", ".join(f'"{"x" * 250}{number}"' for number in range(1000))
    found = it.reload(FEW + root(tree) + f"deny = [{rules}]\n")
    assert (found["edition"], "too long for one message" in found["problem"]) == (1, True)
    done = subprocess.run(
        [sys.executable, *PRODUCT, "serve", "--config", str(it.file)],
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("config error: 1 problem\n  roots: the configuration is too long for one message")


def test_what_is_refused_changes_nothing_and_is_told(configured: Callable[..., Configured], tree: Path) -> None:
    it = configured(FEW + root(tree))
    pids = {row["pid"] for row in it.server.control_status()["workers"]}
    for number, (reason, change) in enumerate(REFUSED.items(), 1):
        found = it.reload(change(FEW + root(tree)))
        assert (found["edition"], found["refused_total"]) == (1, number)
        assert reason in found["problem"]
    it.server.wait_for_error("the new configuration is refused, the old one stays in force")
    status = it.server.control_status()
    assert ({row["pid"] for row in status["workers"]}, status["status"]) == (pids, "ok")
    assert it.text("notes.txt") == "Some notes here.\n"
    assert it.reload(FEW + root(tree))["problem"] is None


def test_what_needs_a_restart_is_named_and_stays(configured: Callable[..., Configured], tree: Path) -> None:
    it = configured(FEW + root(tree))
    found = it.reload(FEW + '[sandbox]\nmode = "off"\n[http]\nport = 9\n[deadlines]\nread_s = 3\n' + root(tree))
    assert found["needs_restart"] == ["http.port", "sandbox.mode"]
    it.server.wait_for_error("keys=http.port, sandbox.mode")
    assert it.server.control_status()["sandbox"]["mode"] == "required"
    assert it.text("notes.txt") == "Some notes here.\n"


def test_a_file_that_workers_may_write_is_not_read_again(start_server: StartServer, tree: Path, tmp_path: Path) -> None:
    tree.chmod(0o777)
    (tree / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir()
    it = Configured(start_server, tree / "link" / "filewarden.toml", FEW + root(tree, mode="rw"))
    found = it.reload(FEW + root(tree, mode="rw") + root(tmp_path / "elsewhere"))
    assert (found["edition"], "restart the server" in found["problem"]) == (1, True)


def test_a_root_that_the_front_end_can_read_is_not_added(
    configured: Callable[..., Configured], tree: Path, other: Path
) -> None:
    it = configured(FEW + root(tree), PYTHONPATH=str(other))
    assert "front-end" in it.reload(FEW + root(tree) + root(other))["problem"]


def test_open_calls_end_on_the_workers_they_run_on(
    configured: Callable[..., Configured], tree: Path, descendants: Callable[[int], set[int]]
) -> None:
    it = configured(FEW + root(tree), faulty=True)
    before = len(descendants(it.server.pid))
    slow = it.server.start_call("sleep", seconds=2.0)
    it.server.wait_for_status(lambda status: status["pool"]["busy"] == 1)
    it.reload(FEW + root(tree, name="renamed"))
    it.server.wait_for_status(lambda status: status["configuration"]["retiring"] == 1)
    assert it.text("notes.txt") == "Some notes here.\n"
    assert not it.server.answer(slow)["result"].get("isError")
    it.server.wait_for_status(lambda status: status["configuration"]["retiring"] == 0)
    it.server.wait_for_status(lambda _status: len(descendants(it.server.pid)) == before)


def test_what_is_watched_stays_watched_where_it_lies_now(
    configured: Callable[..., Configured], tree: Path, other: Path
) -> None:
    it = configured(FEW + root(tree))
    uri = (tree / "notes.txt").as_uri()
    updated = {"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": uri}}
    it.server.request("resources/list")
    it.server.request("resources/subscribe", {"uri": uri})
    it.reload(FEW + root(tree) + root(other))  # the file is project/notes.txt now
    told = []
    while updated not in told:  # nobody looked in between
        told.append(it.server.receive())
    (tree / "notes.txt").write_text("other notes\n")
    while it.server.receive() != updated:
        pass
    (other / "new.txt").write_text("new\n")  # the list is watched in the new root too
    while it.server.receive()["method"] != "notifications/resources/list_changed":
        pass


def test_a_server_whose_terminal_has_gone_stops_instead(tree: Path, environ: dict[str, str]) -> None:
    terminal, standard_error = os.openpty()
    started = subprocess.Popen(
        [sys.executable, *PRODUCT, "serve", str(tree)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=standard_error,
        env=environ,
    )
    with ending(started) as process:
        os.close(standard_error)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(rpc("ping")).encode() + b"\n")
        process.stdin.flush()
        assert process.stdout.readline()
        os.close(terminal)
        process.send_signal(signal.SIGHUP)
        assert process.wait(20) == 0
