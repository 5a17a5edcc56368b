"""The demonstration as a person runs it: real servers, real trouble, and nothing left behind."""

import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from filewarden.transports.demo.playground import build_playground
from tests.drivers.busy import BUSY_S

COMMAND = [sys.executable, "-c", "from filewarden.transports.cli import main; raise SystemExit(main())", "demo"]
PATIENCE_S = 50

pytestmark = pytest.mark.integration


class Run:
    """A demonstration in a session of its own, so that everything it starts can be found."""

    all: ClassVar[list["Run"]] = []

    def __init__(self, arguments: list[str], temporary: Path) -> None:
        environ = {**os.environ, "TMPDIR": str(temporary), "MCP_ROOT": "/nowhere", "FILEWARDEN_LOG_LEVEL": "wrong"}
        self.process = subprocess.Popen(
            [*COMMAND, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environ,
            start_new_session=True,
        )
        self.all.append(self)

    def read_until(self, text: str) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if text in line:
                return
        raise AssertionError(f"{text!r} was never said")

    def end(self) -> tuple[int, str]:
        output, _ = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, output

    def kill(self) -> None:
        """End it, and whatever it has started, where a test has failed."""
        with self.process:
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)

    def left_behind(self) -> list[int]:
        """What of its session is still there a second after its end: orphans need a moment to die."""
        members = [int(name) for name in os.listdir("/proc") if name.isdecimal()]
        return [pid for pid in members if _session(pid) == self.process.pid and not _ends_within(pid, 1.0 + BUSY_S)]


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def _ends_within(pid: int, patience_s: float) -> bool:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], patience_s)[0])
    finally:
        os.close(handle)


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    yield
    while Run.all:
        Run.all.pop().kill()


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    place = tmp_path / "t"
    place.mkdir()
    return place


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a name and a file that a terminal would obey, readable for all, below a private one."""
    tmp_path.chmod(0o700)
    place = tmp_path / "project"
    place.mkdir()
    (place / "README.md").write_text("# \x1b[31mA project\nwith two lines\n")
    (place / "src").mkdir()
    (place / "src" / "notes.md").write_text("one\n")
    (place / "odd\x1b[2Jname.txt").write_text("x")
    for path in (place, *place.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return place


def test_every_claim_holds(folder: Path, temporary: Path) -> None:
    run = Run([str(folder)], temporary)
    status, output = run.end()
    assert status == 0, output
    assert re.search(r"All \d\d claims held", output), output
    assert "FAILED" not in output
    assert "\x1b" not in output
    assert list(temporary.iterdir()) == []
    assert run.left_behind() == []


def test_an_empty_folder_is_enough(tmp_path: Path, temporary: Path) -> None:
    place = tmp_path / "empty"
    place.mkdir()
    place.chmod(0o755)
    status, output = Run([str(place)], temporary).end()
    assert status == 0, output
    assert "nothing to read" in output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["answers the handshake", "Five clients", "runaway search"])
def test_an_interruption_leaves_nothing_behind(
    folder: Path, temporary: Path, moment: str, number: signal.Signals
) -> None:
    run = Run([str(folder)], temporary)
    run.read_until(moment)
    run.process.send_signal(number)
    status, output = run.end()
    assert status == 130, output
    assert "Traceback" not in output
    assert list(temporary.iterdir()) == []
    assert run.left_behind() == []


def test_a_reader_that_leaves_ends_it(folder: Path, temporary: Path) -> None:
    run = Run([str(folder)], temporary)
    assert run.process.stdout is not None
    run.process.stdout.readline()
    run.process.stdout.close()
    assert run.process.wait(PATIENCE_S) in (0, 1)
    assert list(temporary.iterdir()) == []
    assert run.left_behind() == []


@pytest.mark.parametrize("arguments", [["missing"], ["one", "two"], ["--wrong"]])
def test_wrong_usage_is_status_2(arguments: list[str], temporary: Path) -> None:
    status, output = Run(arguments, temporary).end()
    assert status == 2
    assert "filewarden demo" in output


def test_a_root_that_servers_refuse_fails_with_their_words(temporary: Path) -> None:
    status, output = Run(["/proc/self"], temporary).end()
    assert status == 1
    assert "FAILED" in output
    assert "config error" in output


def test_the_playground_is_readable_for_all(temporary: Path) -> None:
    before = os.umask(0o077)
    try:
        assert build_playground(str(temporary), folders=2, files=3) == 8
    finally:
        os.umask(before)
    paths = [temporary, *temporary.rglob("*")]
    assert all(path.stat().st_mode & 0o004 for path in paths)
