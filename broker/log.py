"""The server's log: lines of text or JSON on standard error or in a file, never on standard output."""

import contextlib
import os
import time
from enum import IntEnum

import msgspec

LONGEST_MESSAGE = 4000


class Level(IntEnum):
    """How much a line matters."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40


class Log:
    """Writes lines to a descriptor. A log that cannot be written never stops the server."""

    def __init__(self, fd: int, *, level: Level = Level.INFO, is_json: bool = False) -> None:
        self._fd = fd
        self._level = level
        self._is_json = is_json

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

    def _write(self, level: Level, message: str, facts: dict[str, object]) -> None:
        if level < self._level:
            return
        shown = _printable(message[:LONGEST_MESSAGE])
        now = time.time()
        if self._is_json:
            line = msgspec.json.encode({"time": round(now, 3), "level": level.name.lower(), "message": shown, **facts})
        else:
            stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
            extra = "".join(f" {name}={_printable(str(value))}" for name, value in facts.items())
            line = f"{stamp} {level.name.lower():7} {shown}{extra}".encode("utf-8", "backslashreplace")
        with contextlib.suppress(OSError):
            os.write(self._fd, line + b"\n")


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
