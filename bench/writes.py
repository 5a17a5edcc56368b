"""Durable writes of ours beside the loop that none can do without, both in one folder, batch by batch in turn.

The bare loop: temporary file, write, fsync, rename, fsync of the folder, in one process. Ours does the same and looks
at what is there, keeps what it replaces in its history, answers a client, and does so in a sandbox; what a setting
changes is told beside it.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack

import msgspec

from bench.connection import PATIENCE_S, Broken, Connection
from bench.peers import Peer, Question
from bench.stats import percentile

FOLDER = "writes"
CONTENT = "x" * 1023 + "\n"
IN_FLIGHT = 16
NAMES = 32
"""How many files are replaced again and again."""
BATCH, BATCHES, QUICK_BATCHES = 32, 24, 6

NEW, REPLACED = "new file of 1 KB", "replaced file of 1 KB"
BARE, ALONE, SEVERAL = "bare loop", "ours, one after another", f"ours, {IN_FLIGHT} in flight"
SETTINGS: Mapping[str, Mapping[str, str]] = {
    "two write workers": {"FILEWARDEN_POOL_WRITE_WORKERS": "2"},
    "no history": {"FILEWARDEN_HISTORY_ENABLED": "false"},
}
"""What else is tried with as many in flight, each by a server of its own."""
OURS = (ALONE, SEVERAL, *(f"{SEVERAL}, {setting}" for setting in SETTINGS))
FIGURES: Mapping[str, str] = {
    **{f"{what}: {who}": "files/s" for what in (NEW, REPLACED) for who in (BARE, *OURS)},
    **{f"{what}: {BARE} / {who}": "times" for what in (NEW, REPLACED) for who in OURS},
}

Batch = Callable[[], None]


def compare(peer: Peer, home: str, *, is_quick: bool) -> dict[str, float]:
    """Every figure of `FIGURES`; the peer is ours."""
    place = os.path.join(peer.command[-1], FOLDER)
    os.makedirs(place, exist_ok=True)
    os.chmod(place, 0o777)  # noqa: S103 - a server that was started as root gives its rights away before it writes
    with ExitStack() as stack:
        bare = stack.enter_context(_Loop(place))
        server = stack.enter_context(Connection(_writing(peer, place, {}), home))
        others = {
            setting: stack.enter_context(Connection(_writing(peer, place, environ), home))
            for setting, environ in SETTINGS.items()
        }
        runs: dict[str, Batch] = {}
        for what, names in ((NEW, _fresh), (REPLACED, _again)):
            runs[f"{what}: {BARE}"] = _looping(bare, names("bare"))
            runs[f"{what}: {ALONE}"] = _alone(server, names("alone"))
            runs[f"{what}: {SEVERAL}"] = _several(server, names("several"))
            for number, (setting, other) in enumerate(others.items()):
                runs[f"{what}: {SEVERAL}, {setting}"] = _several(other, names(f"other-{number}"))
        return _figures(runs, QUICK_BATCHES if is_quick else BATCHES)


def _writing(peer: Peer, place: str, environ: Mapping[str, str]) -> Peer:
    command = (*peer.command[:-1], "--allow-write", place)
    return msgspec.structs.replace(peer, command=command, environ={**peer.environ, **environ}, questions={})


def _figures(runs: Mapping[str, Batch], batches: int) -> dict[str, float]:
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run()  # makes the files that are replaced
    for number in range(batches):
        for name, run in list(runs.items())[:: 1 if number % 2 else -1]:
            started = time.perf_counter()
            run()
            taken[name].append(BATCH / (time.perf_counter() - started))
    figures = {name: percentile(rates, 0.5) for name, rates in taken.items()}
    for what in (NEW, REPLACED):
        for who in OURS:
            figures[f"{what}: {BARE} / {who}"] = figures[f"{what}: {BARE}"] / figures[f"{what}: {who}"]
    return figures


def _fresh(kind: str) -> Iterator[str]:
    number = 0
    while True:
        yield f"{kind}-new-{number}.txt"
        number += 1


def _again(kind: str) -> Iterator[str]:
    while True:
        for number in range(NAMES):
            yield f"{kind}-{number}.txt"


class _Loop:
    """The bare loop: nothing is looked at, kept, checked or told."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._data = CONTENT.encode()

    def __enter__(self) -> "_Loop":
        self._folder = os.open(self._place, os.O_RDONLY | os.O_DIRECTORY)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._folder)

    def write(self, name: str) -> None:
        fd = os.open("bare.part", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=self._folder)
        try:
            os.write(fd, self._data)
            os.fsync(fd)
        finally:
            os.close(fd)
        os.rename("bare.part", name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        os.fsync(self._folder)


def _looping(loop: _Loop, names: Iterator[str]) -> Batch:
    def run() -> None:
        for _ in range(BATCH):
            loop.write(next(names))

    return run


def _alone(server: Connection, names: Iterator[str]) -> Batch:
    def run() -> None:
        for _ in range(BATCH):
            server.ask(_question(next(names)))

    return run


def _several(server: Connection, names: Iterator[str]) -> Batch:
    def run() -> None:
        server.send_all([_question(next(names)) for _ in range(IN_FLIGHT)])
        for left in range(BATCH - 1, -1, -1):
            if server.receive() is None:
                raise Broken(f"an answer did not come within {PATIENCE_S:.0f} s")
            if left >= IN_FLIGHT:
                server.send(_question(next(names)))

    return run


def _question(name: str) -> Question:
    arguments = {"path": name, "content": CONTENT, "overwrite": True}
    return Question("tools/call", {"name": "write_file", "arguments": arguments})
