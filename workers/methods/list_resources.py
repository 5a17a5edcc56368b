"""The operation behind `resources/list`: each root and what lies right in it, in pages; deeper go templates."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from filewarden.workers.operations import ListResources, Resource, Resources
from filewarden.workers.tool import Tool

if TYPE_CHECKING:
    from filewarden.workers.context import Context
    from filewarden.workers.paths.handle import Handle

PAGE = 100
MOST_IN_A_ROOT = 1000
"""Clients read a list to its end, so that it must have one; the first names in the order of their bytes are shown."""


class _Position(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The entry that was shown last: a root by its number, and a name in it, or none yet."""

    root: int
    name: bytes


def run(context: "Context", arguments: ListResources) -> Resources:
    """One page."""
    from filewarden.workers import cursors
    from filewarden.workers.searching.budget import Budget

    after = None if arguments.cursor is None else cursors.read(arguments.cursor, _Position)
    if after is not None and not 0 <= after.root < len(context.space.roots):
        raise cursors.foreign()
    budget = Budget(context.limits.max_answer_chars)
    shown: list[Resource] = []
    last = after
    for position, resource in _resources(context, after):
        if (len(shown) == PAGE or not budget.take(resource)) and last is not None:
            return Resources(tuple(shown), cursors.write(last))
        shown.append(resource)
        last = position
    return Resources(tuple(shown))


def _resources(context: "Context", after: _Position | None) -> Iterator[tuple[_Position, Resource]]:
    space = context.space
    for number, root in enumerate(space.roots):
        if after is not None and number < after.root:
            continue
        is_shown = after is not None and number == after.root
        if not is_shown:
            yield _Position(number, b""), _root(context, number)
        begin = after.name if after is not None and is_shown else b""
        try:
            folder = space.open_folder(root, ())
        except OSError:
            continue
        with folder:
            for name in _names(context, folder):
                resource = _entry(context, folder, name) if name > begin else None
                if resource is not None:
                    yield _Position(number, name), resource


def _names(context: "Context", folder: "Handle") -> list[bytes]:
    import heapq

    from filewarden.workers.paths.visible import VisibleNames

    return heapq.nsmallest(MOST_IN_A_ROOT, VisibleNames(context.space, folder, context.is_overdue))


def _root(context: "Context", number: int) -> Resource:
    import os

    from filewarden.workers.paths.file_uris import uri_of
    from filewarden.workers.paths.names import show
    from filewarden.workers.reading.media_names import FOLDER

    root = context.space.roots[number]
    return Resource(
        uri=uri_of(root.location),
        name=show(os.fsencode(root.name)),
        description="A root: a folder that this server serves.",
        mime_type=FOLDER,
    )


def _entry(context: "Context", folder: "Handle", name: bytes) -> Resource | None:
    """What can be read: files and folders, inner links to them included."""
    from filewarden.workers.paths.file_uris import uri_of
    from filewarden.workers.paths.names import show
    from filewarden.workers.reading.media_names import FOLDER, type_by_name

    try:
        entry = context.space.examine(folder, name)
    except OSError:
        return None
    if entry is None or entry.kind not in ("file", "directory"):
        return None
    is_file = entry.kind == "file"
    return Resource(
        uri=uri_of(folder.root.location + b"/" + name),
        name=show(name),
        mime_type=type_by_name(name) if is_file else FOLDER,
        size=entry.stat.st_size if is_file else None,
    )


OPERATION = Tool(
    name="resources/list",
    title="List resources",
    description="The roots, and what lies right in them.",
    arguments=ListResources,
    result=Resources,
    run=run,
)
