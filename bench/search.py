"""Searches of ours beside the tools that people compare them with: ripgrep on one thread, and a plain server."""

import os
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping

from bench.connection import Connection
from bench.peers import Peer, Question, plain_peer
from bench.results import PLAIN
from bench.sdk import sdk_python
from bench.stats import percentile

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDER = "search"
FILES, QUICK_FILES = 20_000, 2_000
NEEDLE = "needle_in_haystack"
NEEDLE_EVERY = 100
NAME = "*00077*"
REPEATS = 6
"""As often in one order as in the other: who comes behind another finds the same files in the caches."""

CONTENT, BY_NAME = "content search, sparse hits", "search by name, one hit"
FIRST = f"{CONTENT}: the first of a server"
RIPGREP = "rg -j1"
FIGURES: Mapping[str, str] = {
    **{f"{what}{who}": "ms" for what in (CONTENT, BY_NAME) for who in ("", f": {RIPGREP}", f": {PLAIN}")},
    FIRST: "ms",
    **{f"{what}: ours / {who}": "times" for what in (CONTENT, BY_NAME) for who in (RIPGREP, PLAIN)},
}

Timed = Callable[[], float]


def compare(peer: Peer, home: str, *, is_quick: bool) -> dict[str, float]:
    """Take turns at the same searches; milliseconds by figure, and ratios. What is not installed is left out."""
    ground = peer.ground
    place = os.path.join(ground, FOLDER)
    build_haystack(place, QUICK_FILES if is_quick else FILES)
    python = sdk_python(os.path.join(REPOSITORY, ".cache"))
    ripgrep = shutil.which("rg")
    with Connection(peer, home) as server:
        runs: dict[str, Timed] = {
            CONTENT: _asking(server, "search_text", pattern=NEEDLE, max_results=1000),
            BY_NAME: _asking(server, "search_files", pattern=NAME, recursive=True),
        }
        if ripgrep is not None:
            runs[f"{CONTENT}: {RIPGREP}"] = _running(ripgrep, "-j1", "-n", NEEDLE, place)
            runs[f"{BY_NAME}: {RIPGREP}"] = _running(ripgrep, "-j1", "--files", "-g", NAME, place)
        if python is None:
            return _figures(runs)
        with Connection(plain_peer(ground, python), home) as other:
            runs[f"{CONTENT}: {PLAIN}"] = _asking(other, "search_text", pattern=NEEDLE)
            runs[f"{BY_NAME}: {PLAIN}"] = _asking(other, "search_files", pattern=NAME)
            return _figures(runs)


def _figures(runs: Mapping[str, Timed]) -> dict[str, float]:
    taken: dict[str, list[float]] = {name: [] for name in runs}
    first = {name: run() * 1000 for name, run in runs.items()}  # which warms caches
    for turn in range(REPEATS):
        in_order = list(runs.items())
        for name, run in in_order[:: -1 if turn % 2 else 1]:
            taken[name].append(run() * 1000)
    figures = {name: percentile(times, 0.5) for name, times in taken.items()}
    figures[FIRST] = first[CONTENT]
    for what in (CONTENT, BY_NAME):
        for who in (RIPGREP, PLAIN):
            if f"{what}: {who}" in figures:
                figures[f"{what}: ours / {who}"] = figures[what] / figures[f"{what}: {who}"]
    return figures


def _asking(server: Connection, tool: str, **arguments: object) -> Timed:
    question = Question("tools/call", {"name": tool, "arguments": {"path": FOLDER, **arguments}})
    return lambda: server.ask(question)


def _running(*command: str) -> Timed:
    def run() -> float:
        started = time.perf_counter()
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)  # noqa: S603
        return time.perf_counter() - started

    return run


def build_haystack(place: str, files: int) -> None:
    """Write source-like files of very different sizes, 11 a folder; every hundredth holds the needle once."""
    if os.path.exists(place):
        return
    chance = random.Random(5)  # noqa: S311 - the same files in every run
    letters = "abcdefghijklmnopqrstuvwxyz_"
    words = ["".join(chance.choices(letters, k=chance.randint(2, 10))) for _ in range(3000)]
    words += ["def", "return", "class", "import", "self", "None"] * 100
    lines = [
        " " * chance.choice((0, 4, 8)) + " ".join(chance.choices(words, k=chance.randint(2, 12))) for _ in range(20_000)
    ]
    folders = [
        os.path.join(place, f"pkg{number // 43:02}", f"mod{number % 43:02}") for number in range(max(1, files // 11))
    ]
    for folder in folders:
        os.makedirs(folder, mode=0o755, exist_ok=True)
    for number in range(files):
        size, begin, text = int(chance.lognormvariate(9.2, 0.9)), chance.randrange(len(lines)), []
        while size > 0:
            text.append(lines[begin % len(lines)])
            size -= len(text[-1]) + 1
            begin += 1
        if number % NEEDLE_EVERY == 7:
            text.insert(len(text) // 2, f"    {NEEDLE} = compute()")
        name = f"file{number:05}{chance.choice(('.py', '.py', '.py', '.txt', '.md', '.js'))}"
        with open(os.path.join(folders[number % len(folders)], name), "w", encoding="ascii") as file:
            file.write("\n".join(text) + "\n")
