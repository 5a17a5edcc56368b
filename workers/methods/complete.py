"""The operation behind `completion/complete`: names that continue the path of a root's template."""

from typing import TYPE_CHECKING

from filewarden.workers.operations import MOST_VALUES, Complete, Completion
from filewarden.workers.tool import Tool

if TYPE_CHECKING:
    from filewarden.workers.context import Context
    from filewarden.workers.paths.handle import Handle


def run(context: "Context", arguments: Complete) -> Completion:
    """Suggest; what is absent, closed or outside has nothing to suggest."""
    from filewarden.workers.errors import ToolFailure

    above, slash, begun = arguments.value.rpartition("/")
    try:
        folder = _folder(context, arguments.reference, above)
        with folder:
            return _suggest(context, folder, above + slash, begun)
    except (ToolFailure, OSError):
        return Completion((), total=0, has_more=False)


def _folder(context: "Context", template: str, above: str) -> "Handle":
    """Open the folder that the value has reached; raises ToolFailure."""
    from filewarden.workers.paths.file_uris import TEMPLATE_END, path_of, template_of
    from filewarden.workers.paths.refusals import denied

    space = context.space
    if not any(template == template_of(root.location) for root in space.roots):
        raise denied(template)
    start = template.removesuffix(TEMPLATE_END)
    return space.open_directory(path_of(f"{start}/{above}"))


def _suggest(context: "Context", folder: "Handle", before: str, begun: str) -> Completion:
    import heapq

    from filewarden.workers.paths.file_uris import expansion_of
    from filewarden.workers.paths.visible import VisibleNames
    from filewarden.workers.searching.budget import Budget

    typed = begun.encode("utf-8", "surrogatepass")
    names = VisibleNames(context.space, folder, context.is_overdue, shows_dotted=begun.startswith("."))
    found = [name for name in names if name.startswith(typed) or expansion_of(name).startswith(begun)]
    budget = Budget(context.limits.max_answer_chars)
    values: list[str] = []
    has_more = not names.is_complete or len(found) > MOST_VALUES
    for name in heapq.nsmallest(MOST_VALUES, found):
        ending = _ending(context, folder, name)
        if ending is None:
            continue
        value = before + expansion_of(name) + ending
        if not budget.take_chars(len(value) + 3):
            has_more = True
            break
        values.append(value)
    return Completion(tuple(values), total=len(found) if names.is_complete else None, has_more=has_more)


def _ending(context: "Context", folder: "Handle", name: bytes) -> str | None:
    """A slash where one can go on, nothing after a file; None for what cannot be read."""
    try:
        entry = context.space.examine(folder, name)
    except OSError:
        return None
    return {"directory": "/", "file": ""}.get(entry.kind) if entry is not None else None


OPERATION = Tool(
    name="completion/complete",
    title="Complete a path",
    description="Names that continue a path.",
    arguments=Complete,
    result=Completion,
    run=run,
)
