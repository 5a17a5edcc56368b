"""Large answers: a text of 900 KB, again and for the first time, and a folder of 5,000 entries with sizes, by pages."""

from collections.abc import Mapping

import msgspec

from bench.connection import Connection
from bench.ground import BIG_FILE, NEW_FILES, new_file
from bench.peers import Peer, Question
from bench.stats import percentile

READ, LIST = "read 900 KB", "list 5,000, all pages"
FIRST = "read 900 KB, each for the first time"
FIGURES: Mapping[str, str] = {READ: "ms", FIRST: "ms", LIST: "ms"}
REPEATS = 10


class _Page(msgspec.Struct):
    next_cursor: str | None = None


def measure(peer: Peer, home: str) -> dict[str, float]:
    """Milliseconds by figure."""
    with Connection(peer, home) as server:
        reads = [server.ask(peer.questions["big"]) for _ in range(REPEATS + 1)][1:]
        firsts = [server.ask(_of_another(peer.questions["big"], number)) for number in range(NEW_FILES)][1:]
        lists = [_list(server, peer.questions["long"]) for _ in range(REPEATS + 1)][1:]
    return {name: percentile(of, 0.5) * 1000 for name, of in ((READ, reads), (FIRST, firsts), (LIST, lists))}


def _of_another(question: Question, number: int) -> Question:
    """The same of one of the other files."""
    arguments = msgspec.convert(question.params["arguments"], dict[str, str])
    path = arguments["path"].removesuffix(BIG_FILE) + new_file(number)
    return Question(question.method, {**question.params, "arguments": {**arguments, "path": path}})


def _list(server: Connection, question: Question) -> float:
    """Ask for a page and, as long as it says that there is one, for the next; the seconds of all."""
    taken = server.ask(question)
    while (cursor := msgspec.json.decode(server.document, type=_Page).next_cursor) is not None:
        arguments = {**msgspec.convert(question.params["arguments"], dict[str, object]), "cursor": cursor}
        taken += server.ask(Question(question.method, {**question.params, "arguments": arguments}))
    return taken
