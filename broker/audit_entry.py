"""What the audit log says of one call: who, what, where, with what outcome; never what was read or written. Pure."""

import functools
import time

import msgspec

from filewarden.broker.call import Call
from filewarden.broker.caller import Caller
from filewarden.broker.path_arguments import PATH_NAMES, present, texts
from filewarden.broker.protocol.principal import profile_of
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.paths.names import echo, parse, show

PATTERN_NAMES = ("pattern", "value")
"""Arguments that say what is looked for: they are shown in part."""
MOST_PARTS = 1024
"""Callers, tools and outcomes whose parts are kept ready."""
MOST_PATH_CHARS = 4096
"""For all paths of a call together, as they are shown: a line stays below `audit.chain.MOST_LINE_BYTES`."""


_encode = msgspec.json.Encoder().encode
Ended = tuple[Call, str, float]
"""A call, how it ended, and when, in monotonic seconds."""


class Scribe:
    """Makes the entries of one server: JSON, but for the number and the hash that a line begins with.

    Put together from parts, most of which are the same for many calls: it takes a third of the time that encoding a
    struct does, and is done for every call.
    """

    def __init__(self, server: str) -> None:
        self._server = _encode(server)
        self._second = self._millisecond = -1
        self._shown = self._shown_whole = b""
        self._parts: dict[tuple[str, ...], tuple[bytes, bytes]] = {}

    def shown(self, moment: float) -> str:
        """Wall-clock time as the log writes it, UTC to the millisecond, of seconds of the epoch."""
        return self._moment(moment).decode()

    def entry(self, ended: Ended, clock_s: float) -> bytes:
        """The entry of a call: who, what, how it ended, the bytes of the worker's answer, where.

        `clock_s` is what the wall clock is ahead of the monotonic one.
        """
        call, word, now = ended
        key = (call.principal, call.client, call.tool.name, word, call.worker, call.trace)
        parts = self._parts.get(key)
        if parts is None:
            parts = self._remember(key)
        size = call.answer_bytes
        return b'{"time":"%s","server":%s,"call":%d%s%.3f%s%s%s}' % (
            self._moment(now + clock_s),
            self._server,
            call.id,
            parts[0],
            1000 * (now - call.submitted_at),
            b',"bytes":%d' % size if size else b"",
            parts[1],
            _places(call.arguments),
        )

    def unread(self, caller: Caller, tool: str, number: int, moment: float) -> bytes:
        """The entry of what was no call in the end: who asked for what, in seconds of the epoch when."""
        key = (caller.principal.key, caller.client, tool, Code.INVALID_ARGUMENT.value, "", "")
        head, tail = self._parts.get(key) or self._remember(key)
        return b'{"time":"%s","server":%s,"call":%d%s0.000%s}' % (
            self._moment(moment),
            self._server,
            number,
            head,
            tail,
        )

    def _moment(self, moment: float) -> bytes:
        millisecond = int(1000 * moment)
        if millisecond != self._millisecond:
            self._millisecond = millisecond
            second, rest = divmod(millisecond, 1000)
            if second != self._second:
                self._second = second
                self._shown_whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)).encode()
            self._shown = b"%s.%03dZ" % (self._shown_whole, rest)
        return self._shown

    def _remember(self, key: tuple[str, ...]) -> tuple[bytes, bytes]:
        if len(self._parts) >= MOST_PARTS:
            self._parts.clear()
        principal, client, tool, word, worker, trace = map(_encode, key)
        profile = profile_of(key[0])
        named = b',"profile":%s' % _encode(profile) if profile else b""
        head = b'%s,"principal":%s,"client":%s,"tool":%s,"outcome":%s,"ms":' % (named, principal, client, tool, word)
        tail = b',"worker":%s' % worker if key[4] else b""
        parts = head, tail + (b',"trace":%s' % trace if key[5] else b"")
        if not key[5]:  # traces are many
            self._parts[key] = parts
        return parts


def _places(arguments: msgspec.Struct) -> bytes:
    """What the arguments name, and what they look for."""
    if _names_one(type(arguments)):
        path: str = getattr(arguments, "path")  # noqa: B009 - which type it is was looked at
        if 0 < len(path) <= MOST_PATH_CHARS and _is_plain(path):
            return b',"paths":[%s]' % _encode(path)
    shown, cut = _shown(arguments)
    found = b',"paths":%s' % _encode(shown) if shown else b""
    if cut:
        found += b',"paths_cut":%d' % cut
    if present(type(arguments), PATTERN_NAMES):
        pattern = next((echo(text) for text in texts(arguments, PATTERN_NAMES)), "")
        if pattern:
            found += b',"pattern":%s' % _encode(pattern)
    return found


def named_path(arguments: msgspec.Struct, limit: int) -> str:
    """The start of the first path that a call names, at most `limit` characters of it; "" where it names none."""
    path = next(texts(arguments), "")[:limit]
    return path if path.isprintable() else _escaped(path)[:limit]


@functools.cache
def _names_one(arguments: type[msgspec.Struct]) -> bool:
    """Whether these arguments name one path and look for nothing, as most do."""
    return present(arguments, PATH_NAMES) == ("path",) and not present(arguments, PATTERN_NAMES)


def _is_plain(path: str) -> bool:
    """Whether it is shown as it is."""
    return path.isascii() and path.isprintable() and "\\" not in path


def _shown(arguments: msgspec.Struct) -> tuple[list[str], int]:
    """The paths as every answer shows them, as far as there is room, and how many are not there as a whole.

    The last of those that are cut may be there in part.
    """
    shown: list[str] = []
    left, cut = MOST_PATH_CHARS, 0
    for text in texts(arguments):
        path = text[:left]
        if not _is_plain(path):
            path = _escaped(path)
        if len(text) > left or len(path) > left:
            cut += 1
            path = path[:left]
        if path:
            left -= len(path)
            shown.append(path)
    return shown, cut


def _escaped(path: str) -> str:
    """The one form that a name is shown in; a client may have written it so already."""
    try:
        return show(parse(path))
    except ToolFailure:
        return show(path.encode("utf-8", "surrogatepass"))
