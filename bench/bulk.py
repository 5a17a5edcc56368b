"""Large answers: a text of 900 KB, and a folder of 5,000 entries with their sizes, page by page."""

from collections.abc import Mapping

import msgspec

from bench.connection import Connection
from bench.peers import Peer, Question
from bench.stats import percentile

READ, LIST = "read 900 KB", "list 5,000, all pages"
FIGURES: Mapping[str, str] = {READ: "ms", LIST: "ms"}
REPEATS = 10


class _Page(msgspec.Struct):
    next_cursor: str | None = None


def measure(peer: Peer, home: str) -> dict[str, float]:
    """Milliseconds by figure."""
    with Connection(peer, home) as server:
        reads = [server.ask(peer.questions["big"]) for _ in range(REPEATS + 1)][1:]
        lists = [_list(server, peer.questions["long"]) for _ in range(REPEATS + 1)][1:]
    return {READ: percentile(reads, 0.5) * 1000, LIST: percentile(lists, 0.5) * 1000}


def _list(server: Connection, question: Question) -> float:
    """Ask for a page and, as long as it says that there is one, for the next; the seconds of all."""
    taken = server.ask(question)
    while (cursor := msgspec.json.decode(server.document, type=_Page).next_cursor) is not None:
        arguments = {**msgspec.convert(question.params["arguments"], dict[str, object]), "cursor": cursor}
        taken += server.ask(Question(question.method, {**question.params, "arguments": arguments}))
    return taken
