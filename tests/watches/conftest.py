import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

SERVER = Path(__file__).parent / "build" / "server.py"
HOSTILE = Path(__file__).parent / "build" / "hostile.py"
SEEN_WITHIN_S = 20.0
"""Patience where it is not the time that is tried: the machine may be busy."""
TIMEOUT_S = 20.0

Json = dict[str, Any]


class Watching:
    """A real server of which changes can be asked, and everything that it told."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdin is not None
        self.process = process
        self.told: queue.Queue[Json] = queue.Queue()
        self.errors: list[str] = []
        self._to = process.stdin
        self._number = 0
        self.threads = [threading.Thread(target=self._read), threading.Thread(target=self._read_errors)]
        for thread in self.threads:
            thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.told.put(json.loads(line))

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        self.errors.extend(line.decode() for line in self.process.stderr)

    def _wish(self, **wish: Any) -> None:
        self._to.write(json.dumps(wish).encode() + b"\n")
        self._to.flush()

    def ask(self, path: str | None, principal: str = "somebody") -> int:
        """Start to watch; its number."""
        self._number += 1
        self._wish(subscribe=self._number, principal=principal, path=path)
        return self._number

    def subscribe(self, path: str | None, principal: str = "somebody") -> int:
        number = self.ask(path, principal)
        assert self.result(number) is None
        return number

    def refusal(self, path: str) -> str:
        failure = self.result(self.ask(path))
        assert failure is not None
        return failure[0]

    def unsubscribe(self, number: int) -> None:
        self._wish(unsubscribe=number)

    def result(self, number: int) -> list[str] | None:
        failure: list[str] | None = self._next(lambda told: told.get("result") == number, TIMEOUT_S)["failure"]
        return failure

    def wait_for_change(self, number: int, timeout_s: float = SEEN_WITHIN_S) -> None:
        self._next(lambda told: told.get("change") == number, timeout_s)

    def changes_until(self, marker: int) -> set[int]:
        """Everything that is said to have changed before the marker is."""
        changed: set[int] = set()

        def is_marker(told: Json) -> bool:
            changed.add(told.get("change", 0))
            return told.get("change") == marker

        self._next(is_marker, SEEN_WITHIN_S)
        return changed - {marker}

    def _next(self, is_it: Callable[[Json], bool], timeout_s: float) -> Json:
        give_up_at = time.monotonic() + timeout_s
        while True:
            told = self.told.get(timeout=max(0.01, give_up_at - time.monotonic()))
            if is_it(told):
                return told

    def drain(self) -> list[Json]:
        """What was told and not looked at yet."""
        found = []
        while not self.told.empty():
            found.append(self.told.get())
        return found

    def wait_for_error(self, words: str) -> None:
        give_up_at = time.monotonic() + TIMEOUT_S
        while not any(words in line for line in self.errors):
            assert time.monotonic() < give_up_at, "".join(self.errors)
            threading.Event().wait(0.02)

    def watchers(self) -> list[int]:
        """The process ids of its watchers."""
        found = descendants(self.process.pid)
        return [pid for pid in found if _name(pid) == "fw-watcher" and not _is_zombie(pid)]

    def wait_for_watchers(self, condition: Callable[[list[int]], bool]) -> None:
        give_up_at = time.monotonic() + 2 * TIMEOUT_S
        while not condition(self.watchers()):
            assert time.monotonic() < give_up_at, self.watchers()
            threading.Event().wait(0.05)

    def finish(self) -> int:
        self._to.close()
        try:
            status = self.process.wait(TIMEOUT_S)
        finally:
            self.process.kill()
        for thread in self.threads:
            thread.join(TIMEOUT_S)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
        return status


def descendants(pid: int) -> list[int]:
    parents: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            try:
                stat = Path(f"/proc/{entry}/stat").read_text()
            except OSError:
                continue
            parents.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry))
    found, waiting = [], [pid]
    while waiting:
        children = parents.get(waiting.pop(), [])
        found += children
        waiting += children
    return found


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _await_end(pids: list[int]) -> None:
    """Orphans are reaped by whoever is in charge of that, when it gets to it."""
    give_up_at = time.monotonic() + TIMEOUT_S
    while left := [pid for pid in pids if _name(pid).startswith("fw-") and not _is_zombie(pid)]:
        assert time.monotonic() < give_up_at, left
        threading.Event().wait(0.02)


def _is_zombie(pid: int) -> bool:
    try:
        return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True


StartWatching = Callable[..., Watching]


@pytest.fixture
def start_watching(tree: Path, environ: dict[str, str], tmp_path: Path) -> Iterator[StartWatching]:
    """Start servers on `tree`, or on what a configuration names; each ends well, and none of its processes is left."""
    started: list[Watching] = []

    def start(config: str = "", launcher: tuple[str, ...] = (), **variables: str) -> Watching:
        file = tmp_path / "config.toml"
        file.write_text(config or f'[[roots]]\npath = "{tree}"\n')
        file.chmod(0o600)
        process = subprocess.Popen(
            [sys.executable, str(SERVER), str(file), *launcher],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**environ, "FILEWARDEN_POOL_WORKERS": "2", "FILEWARDEN_POOL_SPARES": "0", **variables},
        )
        watching = Watching(process)
        started.append(watching)
        return watching

    yield start
    for watching in started:
        processes = descendants(watching.process.pid)
        assert watching.finish() == 0, watching.errors
        _await_end(processes)


@pytest.fixture
def watching(start_watching: StartWatching) -> Watching:
    return start_watching()
