"""What a tool is: its typed arguments and result, its hints for clients, its lane, and the operation itself."""

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from filewarden.workers.content import Block
from filewarden.workers.task_use import TaskUse

if TYPE_CHECKING:
    # The front-end loads tools for their schemas; what an operation needs comes with the worker.
    from filewarden.workers.context import Context
    from filewarden.workers.steps import Steps


class Lane(StrEnum):
    """Which queue a call waits in: short reads and metadata, or walks over a tree."""

    QUICK = "quick"
    SCAN = "scan"


QUICK, SCAN = Lane
"""By plain names, which are quicker to look up."""


class Text(msgspec.Struct, frozen=True):
    """An answer that is a text of its own; the facts about it travel beside it."""

    text: bytes | int
    """Strict UTF-8. A number: so many bytes of it lie on the shelf of the context already."""
    facts: msgspec.Struct | Callable[[], msgspec.Struct]
    """A call where it takes its time to find them out: a long text is on its way meanwhile."""

    def told(self) -> msgspec.Struct:
        """The facts, found out."""
        return self.facts() if callable(self.facts) else self.facts


class Content(msgspec.Struct, frozen=True):
    """An answer of several blocks, or of something else than text; the facts about it travel beside it."""

    blocks: tuple[Block, ...]
    facts: msgspec.Struct


class Folded(Protocol):
    """A struct that travels more quickly from a worker to the front-end than the structured result that it is made of.

    It does so best as an array, which is `array_like`.
    """

    def unfold(self) -> msgspec.Struct:
        """The result; raises ValueError where this cannot have been made from one."""


class Kind(StrEnum):
    """What a tool answers with."""

    STRUCTURED = "structured"
    """The result itself, shown as JSON and as `structuredContent`."""
    TEXT = "text"
    """A `Text`; the result struct holds the facts, shown in `_meta`."""
    CONTENT = "content"
    """A `Content`; the result struct holds the facts, shown in `_meta`."""


ListKind = Literal["tools", "prompts", "resources"]
Operation = Callable[["Context", Any], msgspec.Struct | Text | Content]
Stepping = Callable[["Context", Any], "Steps[msgspec.Struct]"]


def quick(_arguments: Any) -> Lane:
    """Every call of the tool is short."""
    return QUICK


def no_bytes(_arguments: Any) -> int:
    """What is written, if anything, is not in the arguments."""
    return 0


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """One tool: one file in `filewarden.workers.tools` makes one of these.

    `arguments` is the struct whose fields, defaults and descriptions become the input schema. `result` is what the
    operation returns, or the facts of the `Text` or `Content` that it returns, by `kind`.
    """

    name: str
    title: str
    description: str
    arguments: type[msgspec.Struct]
    result: type[msgspec.Struct]
    run: Operation
    folded: type[Folded] | None = None
    """What the operation returns instead of the result, to be unfolded."""
    steps: Stepping | None = None
    """Does the same as `run`, so that several calls of the kind may wait for the disk together."""
    kind: Kind = Kind.STRUCTURED
    input_schema: dict[str, Any] | None = None
    """Shown as it is; None where it is made from `arguments`."""
    lane: Callable[[Any], Lane] = quick
    scans: bool = False
    """Whether any call of it can take the scan lane; such tools are absent where no scan worker is configured."""
    writes: bool = False
    destructive: bool = False
    idempotent: bool = True
    changes: ListKind | None = None
    """Which list of clients a successful call of it changes."""
    task: TaskUse = TaskUse.NEVER
    needs_task: bool = False
    """A client without the tasks extension is refused."""
    needs_history: bool = False
    """Whether it is absent where no history is kept."""
    volume: Callable[[Any], int] = no_bytes
    """How many bytes to write a call brings with its arguments."""
    is_look: bool = False
    """Whether it runs among the tools that write and yet changes nothing."""
    max_result_chars: int | None = None
    """How long an answer of text or blocks may be, told to clients that set aside long ones. Others have a setting."""
    other_names: tuple[str, ...] = ()
    """What the reference filesystem server calls the tool: accepted, not shown."""
    aliases: dict[str, str] = {}
    """Other spellings of arguments, as the reference filesystem server has them: accepted, not shown.

    `edits.oldText` is one in the objects of the list `edits`."""
