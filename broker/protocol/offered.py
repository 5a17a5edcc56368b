"""What is offered as the protocol sees it: tools, prompts and resource templates, and how arguments are checked."""

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
    """All four hints set: readOnlyHint, destructiveHint, idempotentHint, openWorldHint; `title` optional."""
    check: Callable[[bytes], msgspec.Struct]
    """A JSON object to typed arguments; raises `ToolFailure` with `invalid_argument`."""
    meta: dict[str, object] = {}
    """`_meta` of the entry in the list."""
    other_names: tuple[str, ...] = ()
    """Names that calls may use as well; no list shows them."""
    task: TaskUse = TaskUse.NEVER
    needs_task: bool = False
    """A client without the tasks extension is refused."""


class PromptArgument(msgspec.Struct, frozen=True, kw_only=True):
    """One argument of a prompt; its values are texts."""

    name: str
    description: str
    required: bool = False


class OfferedPrompt(msgspec.Struct, frozen=True, kw_only=True):
    """`prompts/get` runs the operation of that name in a worker."""

    name: str
    title: str
    description: str
    arguments: tuple[PromptArgument, ...] = ()


class OfferedTemplate(msgspec.Struct, frozen=True, kw_only=True):
    """A family of resources; `uri_template` as in RFC 6570."""

    uri_template: str
    name: str
    title: str
    description: str
    mime_type: str | None = None
