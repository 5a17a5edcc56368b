"""Searches by name: the files of one folder, and one file among 20,000, beside a bare walk of the same folders."""

import fnmatch
import os
import time
from collections.abc import Mapping

from bench.connection import Connection
from bench.ground import GLOB_FOLDER
from bench.peers import Peer, Question
from bench.results import OURS
from bench.search import FILES, FOLDER, NAME, QUICK_FILES, build_haystack
from bench.stats import percentile

SHALLOW, DEEP = "shallow glob, 100 files", "name search, 20,000 files"
FLOOR = f"{DEEP}: bare walk"
FIRST = f"{DEEP}: the first of a server"
FIGURES: Mapping[str, str] = {SHALLOW: "ms", DEEP: "ms", FIRST: "ms", FLOOR: "ms"}
WARM_UP, REPEATS = 1, 10
SHORT_WARM_UP, SHORT_REPEATS = 20, 100
"""Of what takes no longer than a read, and is measured like one: in a server that is past its start."""
PATTERN = "*-000*.txt"
MOST = 20


def measure(peer: Peer, home: str, *, is_quick: bool) -> dict[str, float]:
    """Milliseconds by figure; the bare walk is measured with ours."""
    place = os.path.join(peer.ground, FOLDER)
    build_haystack(place, QUICK_FILES if is_quick else FILES)
    shallow = _search(path=GLOB_FOLDER, pattern=PATTERN, max_results=MOST)
    deep = _search(path=FOLDER, pattern=NAME, recursive=True, max_results=MOST)
    with Connection(peer, home) as server:
        figures = {SHALLOW: _median_ms(server, shallow, SHORT_WARM_UP, SHORT_REPEATS), FIRST: server.ask(deep) * 1000}
        figures[DEEP] = _median_ms(server, deep, WARM_UP, REPEATS)
    if peer.name == OURS:
        figures[FLOOR] = percentile([_walk(place) for _ in range(REPEATS)], 0.5) * 1000
    return figures


def _median_ms(server: Connection, question: Question, warm_up: int, repeats: int) -> float:
    return percentile([server.ask(question) for _ in range(warm_up + repeats)][warm_up:], 0.5) * 1000


def _search(**arguments: object) -> Question:
    return Question("tools/call", {"name": "search_files", "arguments": arguments})


def _walk(place: str) -> float:
    """The least that can be done in this language: every folder listed once, every name compared."""
    started = time.perf_counter()
    folders, matches = [place], 0
    for folder in folders:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                elif fnmatch.fnmatchcase(entry.name, NAME):
                    matches += 1
    return time.perf_counter() - started
