"""What waits in the trash of the writable roots, as far as clients may know of it."""

import contextlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import msgspec

from filewarden.workers.errors import ToolFailure
from filewarden.workers.paths.handle import kind_of
from filewarden.workers.paths.root import Root
from filewarden.workers.writing.trash import find_trash

if TYPE_CHECKING:
    from filewarden.workers.context import Context


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """One deletion: what it can be restored by, where it lay, and what it is; `size` in bytes, None if uncounted."""

    trash_id: str
    path: str
    type: str
    size: int | None


def root_of(context: "Context", trash_id: str, roots: Iterable[Root]) -> Root | None:
    """The first of some roots in whose trash a deletion is."""
    for root in roots:
        with contextlib.suppress(ToolFailure), find_trash(root, context.writing.durability) as trash:
            if trash is not None:
                trash.told(trash_id)
                return root
    return None


def latest_first(context: "Context", before: str | None) -> Iterator[tuple[str, Root]]:
    """The names of all deletions that were made before one, and the root of each.

    Raises:
        ToolFailure: unsupported, if what has the name of a trash is not a private folder of ours.
    """
    found: list[tuple[str, int]] = []
    for index, root in enumerate(context.space.roots):
        if root.writable:
            with find_trash(root, context.writing.durability) as trash:
                found += [(name, index) for name in (trash.identifiers() if trash is not None else ())]
    for name, index in sorted(found, reverse=True):
        if before is None or name < before:
            yield name, context.space.roots[index]


def waiting(context: "Context", root: Root, identifier: str) -> Waiting | None:
    """What is told of one; None where it is gone meanwhile, cannot be read, or was closed to clients."""
    try:
        with find_trash(root, context.writing.durability) as trash:
            if trash is None:
                return None
            told, state = trash.look(identifier)
    except (OSError, ToolFailure):  # one that cannot be read must not hide the others
        return None
    if is_hidden(context, root, told.place):
        return None
    names = tuple(told.place.split(b"/"))
    kind = kind_of(state.st_mode)
    size = state.st_size if told.size is None and kind == "file" else told.size
    return Waiting(trash_id=identifier, path=context.space.display(root, names), type=kind, size=size)


def is_hidden(context: "Context", root: Root, place: bytes) -> bool:
    """Whether what lay there, or a folder above it, is closed to these clients: others may have deleted it."""
    names = tuple(place.split(b"/"))
    is_closed = context.space.judge(root)
    return is_closed is not None and any(is_closed(names[:end]) for end in range(1, len(names) + 1))


def deleted_at(identifier: str) -> str:
    """When a deletion was made, as answers tell times: UTC."""
    day, clock = identifier[:8], identifier[9:15]
    return f"{day[:4]}-{day[4:6]}-{day[6:]}T{clock[:2]}:{clock[2:4]}:{clock[4:]}Z"
