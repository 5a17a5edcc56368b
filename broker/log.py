"""The server's log: lines of text or JSON on standard error or in a file, never on standard output.

Whoever started us may never read our standard error: where it is a pipe and full, a line is left out and counted,
instead of keeping every client waiting.
"""

import contextlib
import os
import select
import stat
import time
from enum import IntEnum

import msgspec

LONGEST_MESSAGE = 4000
SERVER_ID_BYTES = 4
MOST_PLACES = 8
"""How many lines of ours are named that a mistake came through, the last ones."""


class Level(IntEnum):
    """How much a line matters."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40


class Log:
    """Writes lines to a descriptor. A log that cannot be written never stops the server.

    `server` is this server's id, as the audit log has it too: with the number of a call it is one of a kind.
    """

    def __init__(self, fd: int, *, level: Level = Level.INFO, is_json: bool = False, server: str = "") -> None:
        self.server = server or os.urandom(SERVER_ID_BYTES).hex()
        self.lost = 0
        """Lines that nobody had room for, since the last one that was written."""
        self._fd = fd
        self._level = level
        self._is_json = is_json
        self._room = _room(fd)
        self._second = -1
        self._stamp = ""

    def renew(self, *, level: str, log_format: str) -> None:
        """Write other levels, or in another format, from now on."""
        self._level, self._is_json = Level[level.upper()], log_format == "json"

    def debug(self, message: str, **facts: object) -> None:
        """What a developer wants to see."""
        self._write(Level.DEBUG, message, facts)

    def info(self, message: str, **facts: object) -> None:
        """What an operator may want to know."""
        self._write(Level.INFO, message, facts)

    def warning(self, message: str, **facts: object) -> None:
        """What an operator should look at."""
        self._write(Level.WARNING, message, facts)

    def error(self, message: str, **facts: object) -> None:
        """What keeps the server from doing its work."""
        self._write(Level.ERROR, message, facts)

    def fault(self, error: Exception) -> None:
        """A mistake of ours, which costs one request: of what kind and where, but nothing that a client has said."""
        places, trace = [], error.__traceback__
        while trace is not None:
            places.append(f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}")
            trace = trace.tb_next
        self.error("a request could not be served", error=type(error).__name__, where=" ".join(places[-MOST_PLACES:]))

    def _write(self, level: Level, message: str, facts: dict[str, object]) -> None:
        if level < self._level:
            return
        if self._room is not None and not self._room.poll(0):
            self.lost += 1
            return
        if self.lost:
            lost, self.lost = self.lost, 0
            self._put(Level.WARNING, "lines are missing here: nobody took them in time", {"lines": lost})
        self._put(level, message, facts)

    def _put(self, level: Level, message: str, facts: dict[str, object]) -> None:
        line = (self._json if self._is_json else self._text)(level, message[:LONGEST_MESSAGE], facts, time.time())
        with contextlib.suppress(OSError):
            os.write(self._fd, line + b"\n")

    def _json(self, level: Level, message: str, facts: dict[str, object], now: float) -> bytes:
        head = {"time": round(now, 3), "level": level.name.lower(), "message": _printable(message)}
        return msgspec.json.encode({**head, "server": self.server, **facts}, enc_hook=str)

    def _text(self, level: Level, message: str, facts: dict[str, object], now: float) -> bytes:
        """With the server's id where a call is told of: several servers may write to the same journal."""
        if int(now) != self._second:
            self._second, self._stamp = int(now), time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
        if "call" in facts:
            facts = {"server": self.server, **facts}
        extra = "".join(f" {name}={_printable(str(value))}" for name, value in facts.items())
        return f"{self._stamp} {level.name.lower():7} {_printable(message)}{extra}".encode("utf-8", "backslashreplace")


def _room(fd: int) -> "select.poll | None":
    """What tells whether a line can be written now; None where it always can, as for a file."""
    try:
        mode = os.fstat(fd).st_mode
    except OSError:
        return None
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return None
    room = select.poll()
    room.register(fd, select.POLLOUT)
    return room


def _printable(text: str) -> str:
    """The text with everything that could move a terminal's cursor or forge a line made visible."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape", "replace").decode()
        for character in text
    )


def open_log(path: str, *, level: str, log_format: str) -> Log:
    """The log that the settings ask for; an empty `path` is standard error.

    Raises:
        OSError: the file cannot be opened for appending.
    """
    fd = 2 if not path else os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    return Log(fd, level=Level[level.upper()], is_json=log_format == "json")
