"""Tools that run an attacker's code in a worker: for tests only, given to the catalogue's constructor."""

import errno
import os
import time

import msgspec
from kernel import ATTEMPTS  # type: ignore[import-not-found,unused-ignore] # lies beside this script
from link import LINK_ATTACKS  # type: ignore[import-not-found,unused-ignore] # lies beside this script

from filewarden.workers.catalogue import CATALOGUE, Catalogue
from filewarden.workers.context import Context
from filewarden.workers.tool import Lane, Tool


class Attack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    target: str = ""
    number: int = 0


class Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: str = ""


class Outcome(msgspec.Struct, frozen=True):
    outcome: str
    pid: int


_kept: list[str] = []


def _attempt(context: Context, arguments: Attack) -> Outcome:
    """What came of it: the name of the errno or of the exception, or "ok" with what the attack found."""
    try:
        found = ATTEMPTS[arguments.name](context, arguments.target, arguments.number)
    except OSError as error:
        return Outcome(errno.errorcode.get(error.errno or 0, "OSError"), os.getpid())
    except (MemoryError, RuntimeError, ValueError) as error:
        return Outcome(type(error).__name__, os.getpid())
    return Outcome("ok" if found is None else f"ok {found}", os.getpid())


def _attack_link(_context: Context, arguments: Attack) -> Outcome:
    LINK_ATTACKS[arguments.name]()
    return Outcome("survived", os.getpid())


def _flood(_context: Context, arguments: Attack) -> Outcome:
    """Write megabytes to standard error, as lines or as one."""
    block = (b"x" * 1023 + (b"\n" if arguments.name == "lines" else b"x")) * 64
    os.write(1, b'{"jsonrpc":"2.0","id":1,"result":{}}\n')
    for _ in range(arguments.number * 16):
        os.write(2, block)
    return Outcome("written", os.getpid())


def _mark(_context: Context, arguments: Text) -> Outcome:
    """Leave something in this process; without a text, tell what was left."""
    if arguments.text:
        _kept.append(arguments.text)
    return Outcome(" ".join(_kept), os.getpid())


def _sleep(_context: Context, arguments: Attack) -> Outcome:
    """An honest call of so many milliseconds."""
    time.sleep(arguments.number / 1000)
    return Outcome("slept", os.getpid())


def _tool(name: str, arguments: type[msgspec.Struct], run: object) -> Tool:
    return Tool(
        name=name,
        title=name,
        description=name,
        arguments=arguments,
        result=Outcome,
        run=run,  # type: ignore[arg-type] # each operation is typed by its own arguments
        lane=lambda _arguments: Lane.QUICK,
    )


CAPTURED = Catalogue(
    (
        *CATALOGUE.tools,
        _tool("attempt", Attack, _attempt),
        _tool("attack_link", Attack, _attack_link),
        _tool("flood", Attack, _flood),
        _tool("mark", Text, _mark),
        _tool("sleep", Attack, _sleep),
    )
)
