"""Small reads beside trouble of the same client: runaway scans, bombs, and pipes that nobody writes to."""

import collections
import os
import time
from collections.abc import Mapping, Sequence

import msgspec

from bench.connection import PATIENCE_S, Broken, Connection
from bench.ground import TREE_FOLDER
from bench.peers import Peer, Question
from bench.search import FILES, FOLDER, QUICK_FILES, build_haystack
from bench.stats import percentile

PAUSE_S = 0.02
SCANS = (0, 1, 4)
BESIDE = {0: "alone", 1: "beside 1 scan", 4: "beside 4 scans"}
SCAN_FIGURES: Mapping[str, str] = {
    f"small read {beside}, {share}": "ms" for beside in BESIDE.values() for share in ("median", "p99")
}

BOMB_PAUSE_S = 0.008
TURNS = 4
PIPES = 64
PIPES_PAUSE_S = 0.25
"""Between two rounds of pipes: where they do not hang this would otherwise be a flood."""
BOMBS = ("a glob bomb", "a regex bomb", "64 pipes")
BOMB_DEADLINE_S = 0.5
"""Short, so that bombs meet it within a turn of reads."""
BOMB_SETTINGS = {
    "FILEWARDEN_DEADLINES_SCAN_S": str(BOMB_DEADLINE_S),
    "FILEWARDEN_LIMITS_PER_CLIENT_IN_FLIGHT": "128",
}
BOMB_FIGURES: Mapping[str, str] = {
    name: unit
    for bomb in BOMBS
    for name, unit in (
        (f"small read beside {bomb}, p99", "ms"),
        (f"small read in turn with {bomb}, p99", "ms"),
        (f"small read beside {bomb} / alone", "times"),
        (f"{bomb}, longest life at a deadline of {BOMB_DEADLINE_S * 1000:.0f} ms", "ms"),
    )
}


def beside_scans(peer: Peer, home: str, reads: int) -> dict[str, float]:
    """Milliseconds by figure of `SCAN_FIGURES`."""
    figures = {}
    for scans, beside in BESIDE.items():
        with Connection(peer, home) as server:
            _warm_up(server, peer.questions["read"])
            taken = reads_beside(server, peer.questions["read"], [peer.questions["scan"]] * scans, reads, PAUSE_S)
        figures[f"small read {beside}, median"] = percentile(taken, 0.5) * 1000
        figures[f"small read {beside}, p99"] = percentile(taken, 0.99) * 1000
    return figures


def beside_bombs(peer: Peer, home: str, reads: int, *, is_quick: bool) -> dict[str, float]:
    """Figures of `BOMB_FIGURES`: reads without trouble and beside it in turn, sharing the machine's moods."""
    build_haystack(os.path.join(peer.ground, FOLDER), QUICK_FILES if is_quick else FILES)
    figures = {}
    for bomb, trouble in _troubles(peer.ground).items():
        alone, beside, lives = list[float](), list[float](), list[float]()
        read = peer.questions["read"]
        with Connection(msgspec.structs.replace(peer, environ=BOMB_SETTINGS), home) as server:
            _warm_up(server, read)
            for _ in range(TURNS):
                alone += reads_beside(server, read, (), reads // TURNS, BOMB_PAUSE_S)
                beside += reads_beside(server, read, trouble, reads // TURNS, BOMB_PAUSE_S, lives)
        quiet, loud = (percentile(taken, 0.99) * 1000 for taken in (alone, beside))
        figures[f"small read beside {bomb}, p99"] = loud
        figures[f"small read in turn with {bomb}, p99"] = quiet
        figures[f"small read beside {bomb} / alone"] = loud / quiet
        if not lives:
            raise Broken(f"{bomb} never ended, though its deadline is {BOMB_DEADLINE_S} s")
        figures[f"{bomb}, longest life at a deadline of {BOMB_DEADLINE_S * 1000:.0f} ms"] = max(lives) * 1000
    return figures


def _troubles(ground: str) -> Mapping[str, Sequence[Question]]:
    for number in range(PIPES):
        path = os.path.join(ground, f"pipe-{number}")
        if not os.path.exists(path):
            os.mkfifo(path)
            os.chmod(path, 0o644)
    glob = {"path": TREE_FOLDER, "pattern": "**/" + "*e*" * 12 + "never", "recursive": True}
    text = {"path": FOLDER, "pattern": "(([a-z]+)+)+[0-9]{8}zq", "regex": True}
    pipes = [_call("read_file", {"path": f"pipe-{number}"}) for number in range(PIPES)]
    return dict(zip(BOMBS, ([_call("search_files", glob)], [_call("search_text", text)], pipes), strict=True))


def _call(tool: str, arguments: Mapping[str, object]) -> Question:
    return Question("tools/call", {"name": tool, "arguments": arguments})


def _warm_up(server: Connection, question: Question) -> None:
    for _ in range(20):
        server.ask(question)


def reads_beside(
    server: Connection,
    read: Question,
    troubles: Sequence[Question],
    reads: int,
    pause_s: float,
    lives: list[float] | None = None,
) -> list[float]:
    """Read so often while the troubles run, each begun again when it ends; the seconds of each read.

    A read is timed from the moment it was due: one that could not be sent because the pipe was full has waited too.
    How long each trouble lived that ended by itself goes to `lives`; what still runs at the end is cancelled.
    """
    running = {server.send(trouble, may_fail=True): (time.perf_counter(), trouble) for trouble in troubles}
    waiting: collections.deque[tuple[float, Question]] = collections.deque()
    sent: dict[int, float] = {}
    taken: list[float] = []
    due = time.perf_counter() + pause_s
    give_up = due + reads * pause_s + PATIENCE_S
    asked = 0
    while len(taken) < reads:
        now = time.perf_counter()
        if now > give_up:
            raise Broken(f"{reads - len(taken)} small reads of {reads} had no answer within {PATIENCE_S:.0f} s")
        if asked < reads and now >= due:
            sent[server.send(read)] = due
            asked, due = asked + 1, due + pause_s
            continue
        while waiting and waiting[0][0] <= now:
            trouble = waiting.popleft()[1]
            running[server.send(trouble, may_fail=True)] = (now, trouble)
        ident = server.receive(max(0.0, due - now) if asked < reads else 0.1)
        if ident in sent:
            taken.append(time.perf_counter() - sent.pop(ident))
        elif ident in running:
            since, trouble = running.pop(ident)
            if lives is not None:
                lives.append(time.perf_counter() - since)
            waiting.append((now + (PIPES_PAUSE_S if len(troubles) == PIPES else 0.0), trouble))
    for ident in running:
        server.cancel(ident)
    return taken
