"""Tools that write, or try to, for tests only: given to the catalogue's constructor."""

import errno
import os
import time

import msgspec

from filewarden.workers.catalogue import CATALOGUE, Catalogue
from filewarden.workers.context import Context
from filewarden.workers.tool import Tool


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    path: str


class Seconds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    seconds: float = 0.0


class Done(msgspec.Struct, frozen=True):
    outcome: str
    """ "ok", or the name of the kernel's errno."""
    pid: int


def _create(context: Context, arguments: Target) -> Done:
    """Create a file whatever the settings say: only the kernel can refuse."""
    folder, name, _ = context.space.open_parent(arguments.path)
    with folder:
        return Done(_outcome(folder.fd, name), os.getpid())


def _outcome(folder: int, name: bytes) -> str:
    try:
        fd = os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600, dir_fd=folder)
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    try:
        os.write(fd, b"written")
        os.fsync(fd)
    finally:
        os.close(fd)
    return "ok"


def _rest(_context: Context, arguments: Seconds) -> Done:
    time.sleep(arguments.seconds)
    return Done("ok", os.getpid())


def _tool(name: str, arguments: type[msgspec.Struct], run: object, *, writes: bool = False) -> Tool:
    return Tool(
        name=name,
        title=name,
        description=name,
        arguments=arguments,
        result=Done,
        run=run,  # type: ignore[arg-type] # each operation is typed by its own arguments
        writes=writes,
    )


WRITING = Catalogue(
    (
        *CATALOGUE.tools,
        _tool("create", Target, _create, writes=True),
        _tool("create_while_reading", Target, _create),
        _tool("rest", Seconds, _rest),
        _tool("rest_while_writing", Seconds, _rest, writes=True),
    )
)
