"""What a plugin imports: the decorator that makes a function a tool, and what the function may use while it runs.

    from filewarden.workers.plugins.api import Call, tool

    @tool
    def count_lines(call: Call, path: str) -> int:
        '''Count the lines of a file.'''
        with call.files.open(path) as file:
            return sum(1 for _ in file)

The function runs in a worker that the kernel confines to the roots: it has no network, starts no process, changes
nothing and sees nothing else of the machine. What clients may not see within a root (`deny`) is kept by `call.files`.
What it needs must be imported at the top of its module: inside a worker nothing can be. It is ended at its hard
deadline or its memory limit; `call.is_overdue` tells when it should stop by itself.
"""

from collections.abc import Callable
from typing import Any, Literal, TypeVar, overload

import msgspec

from filewarden.workers.context import Context
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.note_level import NoteLevel
from filewarden.workers.plugins.files import Files

__all__ = ["Call", "Code", "Files", "NoteLevel", "Options", "ToolFailure", "options_of", "tool"]

MARK = "__filewarden_tool__"

Function = TypeVar("Function", bound=Callable[..., Any])


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the decorator says beside the function itself."""

    title: str | None = None
    lane: Literal["quick", "scan"] = "quick"


class Call:
    """One call, as the function sees it."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.files = Files(context)

    @property
    def most_chars(self) -> int:
        """How long the answer may be, as JSON or text: the setting `limits.max_answer_chars`."""
        return self._context.limits.max_answer_chars

    def is_overdue(self) -> bool:
        """Whether to return what there is: the soft deadline is past, and the hard one ends the worker."""
        return self._context.is_overdue()

    def progress(self, done: float, total: float | None = None, message: str | None = None) -> None:
        """Tell the client how far the call is, in any unit that only grows; costs nothing when nobody listens."""
        self._context.progress(done, total, message)

    def note(self, level: NoteLevel, text: str) -> None:
        """Send a log message to the client, if it asked for that level."""
        self._context.note(level, text)


@overload
def tool(function: Function) -> Function: ...


@overload
def tool(*, title: str | None = None, lane: Literal["quick", "scan"] = "quick") -> Callable[[Function], Function]: ...


def tool(
    function: Function | None = None, *, title: str | None = None, lane: Literal["quick", "scan"] = "quick"
) -> Function | Callable[[Function], Function]:
    """Offer a function as a tool. What takes long, as a walk over a tree does, belongs into the lane `scan`."""

    def mark(marked: Function) -> Function:
        setattr(marked, MARK, Options(title=title, lane=lane))
        return marked

    return mark if function is None else mark(function)


def options_of(value: object) -> Options | None:
    """What the decorator said of a function; None for anything else."""
    found = getattr(value, MARK, None)
    return found if isinstance(found, Options) and callable(value) else None
