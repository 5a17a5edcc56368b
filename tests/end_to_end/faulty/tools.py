"""Tools that misbehave: for tests only, given to the catalogue's constructor."""

import os
import signal
import time

import msgspec

from filewarden.workers.catalogue import CATALOGUE, Catalogue
from filewarden.workers.confirmation import confirm
from filewarden.workers.context import Context
from filewarden.workers.tool import Lane, Tool


class Seconds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    seconds: float = 60.0


class Megabytes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    megabytes: int


class Number(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    number: int


class Replacement(msgspec.Struct, frozen=True):
    path: str
    confirmation_token: str | None = None


class Done(msgspec.Struct, frozen=True):
    done: bool
    pid: int


def _spin(_context: Context, arguments: Seconds) -> Done:
    give_up_at = time.monotonic() + arguments.seconds
    while time.monotonic() < give_up_at:
        pass
    return Done(True, os.getpid())


def _sleep(_context: Context, arguments: Seconds) -> Done:
    time.sleep(arguments.seconds)
    return Done(True, os.getpid())


def _scan(context: Context, arguments: Seconds) -> Done:
    """Sleep in the scan lane and honour the soft deadline."""
    give_up_at = time.monotonic() + arguments.seconds
    while time.monotonic() < give_up_at and not context.is_overdue():
        time.sleep(0.01)
    return Done(not context.is_overdue(), os.getpid())


def _eat(_context: Context, arguments: Megabytes) -> Done:
    eaten = [bytearray(1024 * 1024) for _ in range(arguments.megabytes)]
    return Done(bool(eaten), os.getpid())


def _die(_context: Context, arguments: Number) -> Done:
    signal.raise_signal(arguments.number)
    os._exit(arguments.number)


def _break(_context: Context, _arguments: Seconds) -> Done:
    raise ValueError("a bug with /etc/passwd in its message")


def _exec(_context: Context, _arguments: Seconds) -> Done:
    os.execv("/bin/true", ["true"])


def _replace(context: Context, arguments: Replacement) -> Done:
    """Ask for what a destructive tool would do to the file as it is now, and do nothing."""
    with context.space.open_file(arguments.path) as handle:
        seen = f"{handle.stat.st_ino} {handle.stat.st_size} {handle.stat.st_mtime_ns}".encode()
    confirm(context, f"Replace {arguments.path}?", destructive=True, seen=seen)
    return Done(True, os.getpid())


def _tool(name: str, arguments: type[msgspec.Struct], run: object, lane: Lane = Lane.QUICK) -> Tool:
    return Tool(
        name=name,
        title=name,
        description=name,
        arguments=arguments,
        result=Done,
        run=run,  # type: ignore[arg-type] # each operation is typed by its own arguments
        lane=lambda _arguments: lane,
    )


FAULTY = Catalogue(
    (
        *CATALOGUE.tools,
        _tool("spin", Seconds, _spin),
        _tool("sleep", Seconds, _sleep),
        _tool("scan", Seconds, _scan, Lane.SCAN),
        _tool("eat", Megabytes, _eat),
        _tool("die", Number, _die),
        _tool("break", Seconds, _break),
        _tool("exec", Seconds, _exec),
        _tool("replace", Replacement, _replace),
    )
)
