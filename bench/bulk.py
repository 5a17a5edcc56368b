"""Large answers: a text of 900 KB, and a folder of 5,000 entries with their sizes, page by page."""

import os
from collections.abc import Mapping

import msgspec

from bench.connection import Connection
from bench.ground import LONG_FOLDER
from bench.peers import Peer, Question
from bench.results import OURS
from bench.sdk import sdk_python
from bench.stats import percentile

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PLAIN = "plain SDK server"
READ, LIST = "read 900 KB", "list 5,000, all pages"
FIGURES: Mapping[str, str] = {READ: "ms", LIST: "ms", f"{LIST}: {PLAIN}": "ms", f"{LIST}: ours / {PLAIN}": "times"}
REPEATS = 10


class _Page(msgspec.Struct):
    next_cursor: str | None = None


def compare(peer: Peer, home: str) -> dict[str, float]:
    """Milliseconds by figure; ours also beside a plain server on the official SDK, taking turns."""
    with Connection(peer, home) as server:
        read = percentile([server.ask(peer.questions["big"]) for _ in range(REPEATS + 1)][1:], 0.5) * 1000
        python = sdk_python(os.path.join(REPOSITORY, ".cache")) if peer.name == OURS else None
        if python is None:
            taken = [_list(server, peer.questions["long"]) for _ in range(REPEATS + 1)][1:]
            return {READ: read, LIST: percentile(taken, 0.5) * 1000}
        script = os.path.join(REPOSITORY, "bench", "baseline.py")
        plain = Peer(name=PLAIN, version="", command=(python, script, peer.command[-1]), questions={})
        theirs = Question("tools/call", {"name": "list_directory", "arguments": {"path": LONG_FOLDER}})
        with Connection(plain, home) as other:
            both = [(_list(server, peer.questions["long"]), _list(other, theirs)) for _ in range(REPEATS + 1)][1:]
        ours_ms, theirs_ms = (percentile(taken, 0.5) * 1000 for taken in zip(*both, strict=True))
        return {
            READ: read,
            LIST: ours_ms,
            f"{LIST}: {PLAIN}": theirs_ms,
            f"{LIST}: ours / {PLAIN}": ours_ms / theirs_ms,
        }


def _list(server: Connection, question: Question) -> float:
    """Ask for a page and, as long as it says that there is one, for the next; the seconds of all."""
    taken = server.ask(question)
    while (cursor := msgspec.json.decode(server.document, type=_Page).next_cursor) is not None:
        arguments = {**msgspec.convert(question.params["arguments"], dict[str, object]), "cursor": cursor}
        taken += server.ask(Question(question.method, {**question.params, "arguments": arguments}))
    return taken
