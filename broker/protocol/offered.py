"""One tool as the protocol sees it: what a list shows of it, and how its arguments are checked."""

from collections.abc import Callable

import msgspec

from filewarden.workers.task_use import TaskUse


class OfferedTool(msgspec.Struct, frozen=True, kw_only=True):
    """`output_schema` is None for a tool whose answer is text; schemas go to the wire as they are."""

    name: str
    """1 to 64 of `A-Z a-z 0-9 _ -`."""
    title: str
    description: str
    input_schema: dict[str, object]
    output_schema: dict[str, object] | None
    annotations: dict[str, object]
    """readOnlyHint and openWorldHint; of tools that write, destructiveHint and idempotentHint too; `title` optional."""
    check: Callable[[bytes], msgspec.Struct]
    """A JSON object to typed arguments; raises `ToolFailure` with `invalid_argument`."""
    meta: dict[str, object] = {}
    """`_meta` of the entry in the list."""
    other_names: tuple[str, ...] = ()
    """Names that calls may use as well; no list shows them."""
    task: TaskUse = TaskUse.NEVER
    needs_task: bool = False
    """A client without the tasks extension is refused."""
