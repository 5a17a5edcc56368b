"""What the audit log says of one call: who, what, where, with what outcome; never what was read or written. Pure."""

import time

import msgspec

from filewarden.broker.call import Call
from filewarden.broker.path_arguments import present, texts
from filewarden.workers.errors import ToolFailure
from filewarden.workers.paths.names import echo, parse, show

PATTERN_NAMES = ("pattern", "value")
"""Arguments that say what is looked for: they are shown in part."""
MOST_PATH_CHARS = 4096
"""For all paths of a call together, as they are shown: a line stays below `audit_chain.MOST_LINE_BYTES`."""


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line, but for its number and the hash in it. `bytes` are those of the worker's answer."""

    time: str
    server: str
    call: int
    principal: str
    client: str
    tool: str
    outcome: str
    ms: float
    bytes: int = 0
    worker: str = ""
    trace: str = ""
    """The trace that the call is a part of, where calls are traced."""
    paths: tuple[str, ...] = ()
    paths_cut: int = 0
    """So many paths are missing, or the last one is not all there."""
    pattern: str = ""


class Clock:
    """Wall-clock time as the log writes it: UTC to the millisecond."""

    def __init__(self) -> None:
        self._second = -1
        self._shown = ""

    def shown(self, moment: float) -> str:
        """Seconds of the epoch as text."""
        second = int(moment)
        if second != self._second:
            self._second, self._shown = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._shown}.{int(1000 * (moment - second)):03}Z"


def entry_of(call: Call, outcome: str, *, at: str, server: str, took_s: float) -> Entry:
    """The entry of a call that has ended."""
    paths, paths_cut = _shown(call.arguments)
    has_pattern = present(type(call.arguments), PATTERN_NAMES)
    return Entry(
        time=at,
        server=server,
        call=call.id,
        principal=call.principal,
        client=call.client,
        tool=call.tool.name,
        outcome=outcome,
        ms=round(1000 * took_s, 3),
        bytes=call.answer_bytes,
        worker=call.worker,
        trace=call.trace,
        paths=paths,
        paths_cut=paths_cut,
        pattern=next((echo(text) for text in texts(call.arguments, PATTERN_NAMES)), "") if has_pattern else "",
    )


def named_path(arguments: msgspec.Struct, limit: int) -> str:
    """The start of the first path that a call names, at most `limit` characters of it; "" where it names none."""
    path = next(texts(arguments), "")[:limit]
    return path if path.isprintable() else _escaped(path)[:limit]


def _shown(arguments: msgspec.Struct) -> tuple[tuple[str, ...], int]:
    """The paths as every answer shows them, as far as there is room, and how many are not there as a whole."""
    shown: list[str] = []
    left, cut = MOST_PATH_CHARS, 0
    for text in texts(arguments):
        path = text[:left]
        if not (path.isascii() and path.isprintable() and "\\" not in path):
            path = _escaped(path)
        if len(text) > left or len(path) > left:
            cut += 1
            path = path[:left]
        if path:
            left -= len(path)
            shown.append(path)
    return tuple(shown), cut


def _escaped(path: str) -> str:
    """The one form that a name is shown in; a client may have written it so already."""
    try:
        return show(parse(path))
    except ToolFailure:
        return show(path.encode("utf-8", "surrogatepass"))
