"""Tools that misbehave, and some that talk: for tests only, given to the catalogue's constructor."""

import os
import signal
import time
from typing import Annotated, Any

import msgspec

from filewarden.workers.catalogue import CATALOGUE, Catalogue
from filewarden.workers.confirmation import confirm
from filewarden.workers.context import Context
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.history.image import Image
from filewarden.workers.history.store import History
from filewarden.workers.inquiry import Inquiry, accepted, form
from filewarden.workers.task_use import AT_ONCE
from filewarden.workers.tool import Lane, Tool
from filewarden.workers.writing.drafts import Draft


class Seconds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    seconds: float = 60.0


class Megabytes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    megabytes: int


class Number(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    number: int


class Replacement(msgspec.Struct, frozen=True):
    path: str
    confirmation_token: str | None = None


class Steps(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    count: int = 3
    seconds: float = 0.12


STEPS: dict[str, tuple[Any, str, bool]] = {
    "before anything is kept": (History, "image", False),
    "kept, not announced": (Image, "announce", False),
    "announced": (Image, "announce", True),
    "made": (Image, "settle", False),
    "told as made": (Image, "settle", True),
    "to be published": (Draft, "create", False),
}
"""A function at which a change can be interrupted, and whether behind it or before it."""


class Stall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`by` is a signal's number; 0: the call only takes too long."""

    tool: str
    arguments: dict[str, Any]
    at: str
    by: int = 0


class Region(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An argument that clients also send as a header field."""

    region: Annotated[str | None, msgspec.Meta(extra_json_schema={"x-mcp-header": "Region"})] = None


class Done(msgspec.Struct, frozen=True):
    done: bool
    pid: int


class Told(msgspec.Struct, frozen=True):
    words: str


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


def _tell(_context: Context, arguments: Number) -> Told:
    return Told("x" * arguments.number)


def _refuse(_context: Context, arguments: Number) -> Done:
    raise ToolFailure(Code.CONFLICT, "No. " * arguments.number, why=["x" * arguments.number])


def _exec(_context: Context, _arguments: Seconds) -> Done:
    os.execv("/bin/true", ["true"])


def _replace(context: Context, arguments: Replacement) -> Done:
    """Ask for what a destructive tool would do to the file as it is now, and do nothing."""
    with context.space.open_file(arguments.path) as handle:
        seen = f"{handle.stat.st_ino} {handle.stat.st_size} {handle.stat.st_mtime_ns}".encode()
    confirm(context, f"Replace {arguments.path}?", destructive=True, seen=seen)
    return Done(True, os.getpid())


def _report(context: Context, arguments: Steps) -> Done:
    """Report each step, then take a moment."""
    for step in range(arguments.count):
        context.progress(step + 1, arguments.count)
        time.sleep(arguments.seconds)
    return Done(True, os.getpid())


def _ask(context: Context, _arguments: Seconds) -> Done:
    if "sure" not in context.answers:
        raise Inquiry({"sure": form("Are you sure?", {"sure": {"type": "boolean"}})})
    answer = accepted(context.answers["sure"])
    return Done(answer is not None and answer.get("sure") is True, os.getpid())


def _route(_context: Context, _arguments: Region) -> Done:
    return Done(True, os.getpid())


def _stall(context: Context, arguments: Stall) -> Done:
    """Run a tool of the product, and come to an end, or to no end, at one of its steps."""
    place, name, is_behind = STEPS[arguments.at]
    real = getattr(place, name)

    def stop(*given: Any, **more: Any) -> None:
        if is_behind:
            real(*given, **more)
        if arguments.by:
            signal.raise_signal(arguments.by)
        time.sleep(60)

    setattr(place, name, stop)  # this worker does not live to see another call
    tool = CATALOGUE.find(arguments.tool)
    assert tool is not None
    tool.run(context, msgspec.convert(arguments.arguments, tool.arguments))
    return Done(True, os.getpid())


def _tool(
    name: str, arguments: type[msgspec.Struct], run: object, lane: Lane = Lane.QUICK, *, needs_task: bool = False
) -> Tool:
    return Tool(
        name=name,
        title=name,
        description=name,
        arguments=arguments,
        result=Done,
        run=run,  # type: ignore[arg-type] # each operation is typed by its own arguments
        lane=lambda _arguments: lane,
        needs_task=needs_task,
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
        msgspec.structs.replace(_tool("tell", Number, _tell), result=Told),
        _tool("refuse", Number, _refuse),
        _tool("exec", Seconds, _exec),
        _tool("replace", Replacement, _replace),
        _tool("report", Steps, _report, Lane.SCAN),
        _tool("ask", Seconds, _ask),
        _tool("route", Region, _route),
        _tool("lengthy", Seconds, _sleep, needs_task=True),
        msgspec.structs.replace(_tool("chore", Seconds, _sleep), task=AT_ONCE),
        msgspec.structs.replace(_tool("rearrange", Seconds, _route), changes="tools"),
        msgspec.structs.replace(_tool("stall", Stall, _stall), writes=True),
    ),
    CATALOGUE.operations,
)
