"""One tool as the protocol sees it: what a list shows of it, and how its arguments are checked."""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import msgspec

from filewarden.workers.task_use import TaskUse

Json = dict[str, object]


class OfferedTool(msgspec.Struct, frozen=True, kw_only=True):
    """Schemas go to the wire as they are."""

    name: str
    """1 to 64 of `A-Z a-z 0-9 _ -`."""
    title: str
    description: str
    schemas: Callable[[], tuple[Json, Json | None]]
    """Makes those of the arguments and of the structured answer; the latter is None where an answer is text."""
    annotations: dict[str, object]
    """readOnlyHint and openWorldHint; of tools that write, destructiveHint and idempotentHint too; `title` optional."""
    check: Callable[[bytes | msgspec.Raw], msgspec.Struct]
    """A JSON object to typed arguments; raises `ToolFailure` with `invalid_argument`, for what is no object too."""
    meta: dict[str, object] = {}
    """`_meta` of the entry in the list."""
    other_names: tuple[str, ...] = ()
    """Names that calls may use as well; no list shows them."""
    task: TaskUse = TaskUse.NEVER
    needs_task: bool = False
    """A client without the tasks extension is refused."""


class Tools(Protocol):
    """What is offered, in its order; a tool may be made only when it is asked for."""

    @property
    def names(self) -> list[str]:
        """The name of each."""

    def find(self, name: str) -> OfferedTool | None:
        """Look one up by its name, or another that it answers to."""

    def __iter__(self) -> Iterator[OfferedTool]: ...


class MadeTools:
    """Tools that are there already."""

    def __init__(self, tools: Iterable[OfferedTool]) -> None:
        self._tools = tuple(tools)
        self._by_name = {other: tool for tool in self._tools for other in tool.other_names}
        self._by_name |= {tool.name: tool for tool in self._tools}

    @property
    def names(self) -> list[str]:
        """The name of each."""
        return [tool.name for tool in self._tools]

    def find(self, name: str) -> OfferedTool | None:
        """Look one up."""
        return self._by_name.get(name)

    def __iter__(self) -> Iterator[OfferedTool]:
        return iter(self._tools)
