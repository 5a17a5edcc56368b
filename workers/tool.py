"""What a tool is: its typed arguments and result, its hints for clients, its lane, and the operation itself."""

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    # The front-end loads tools for their schemas; what an operation needs comes with the worker.
    from filewarden.workers.context import Context


class Lane(StrEnum):
    """Which queue a call waits in: short reads and metadata, or walks over a tree."""

    QUICK = "quick"
    SCAN = "scan"


class Text(msgspec.Struct, frozen=True):
    """An answer that is a text of its own; the facts about it travel beside it."""

    text: bytes
    """Strict UTF-8."""
    facts: msgspec.Struct


Operation = Callable[["Context", Any], msgspec.Struct | Text]


def quick(_arguments: Any) -> Lane:
    """Every call of the tool is short."""
    return Lane.QUICK


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """One tool: one file in `filewarden.workers.tools` makes one of these.

    `arguments` is the struct whose fields, defaults and descriptions become the input schema. `result` is what the
    operation returns: a structured result (shown to clients as JSON and as `structuredContent`), or, when `is_text`
    is set, the facts of a `Text` (shown in `_meta`).
    """

    name: str
    title: str
    description: str
    arguments: type[msgspec.Struct]
    result: type[msgspec.Struct]
    run: Operation
    is_text: bool = False
    lane: Callable[[Any], Lane] = quick
    scans: bool = False
    """Whether any call of it can take the scan lane; such tools are absent where no scan worker is configured."""
    writes: bool = False
    destructive: bool = False
    idempotent: bool = True
    aliases: dict[str, str] = {}
    """Other spellings of arguments, as the reference filesystem server has them: accepted, not shown."""
