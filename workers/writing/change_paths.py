"""What a client of this server calls the places that the history names, and which of them it may know of."""

import contextlib
import os
from collections.abc import Collection

from filewarden.workers.errors import ToolFailure
from filewarden.workers.paths.names import parse, show
from filewarden.workers.paths.resolution import Names
from filewarden.workers.paths.root import Root
from filewarden.workers.paths.space import Space


def client_path(space: Space, place: str, root: Root | None = None) -> str | None:
    """The path of an absolute place in its shown form; None where it is in no root, or closed to clients.

    It leads through the innermost root that holds the place, or through `root`, which is another one that does.
    """
    root = root or next(iter(roots_of(space, place)), None)
    if root is None:
        return None
    names = tuple(parse(place).removeprefix(_above(root)).split(b"/"))
    is_closed = space.judge(root)
    if is_closed is not None and any(is_closed(names[:end]) for end in range(1, len(names) + 1)):
        return None
    return space.display(root, names)


def roots_of(space: Space, *places: str) -> list[Root]:
    """The roots that hold all of some absolute places, the innermost first; none where one is no place at all."""
    try:
        raw = [parse(place) for place in places]
    except ToolFailure:  # none of ours has written it
        return []
    holding = (root for root in space.roots if all(each.startswith(_above(root)) for each in raw))
    found = [root for root in holding if _above(root) not in raw]
    return sorted(found, key=lambda each: len(each.location), reverse=True)


def _above(root: Root) -> bytes:
    """What stands before the names in a root, in absolute places."""
    return os.path.join(root.location, b"")


def place_of(root: Root, names: Names) -> str:
    """The absolute place without links, in its shown form."""
    return show(b"/".join((root.location.rstrip(b"/"), *names)))


def places_of(space: Space, path: str) -> Collection[str] | None:
    """The absolute places that a client's path stands for, itself and what a link there leads to; None: any.

    Nothing need be there any more.

    Raises:
        ToolFailure: it leads out, or is none.
    """
    named = space.named(path)
    if named is None:
        return None
    places = {place_of(*(_behind_links(space, path) or named))}
    with contextlib.suppress(ToolFailure), space.resolve(path) as found:
        places.add(place_of(found.root, found.names))
    return places


def _behind_links(space: Space, path: str) -> tuple[Root, Names] | None:
    """What a path with `..` names, which behind a link lies elsewhere than its text says; None where it says it all."""
    if ".." not in path.split("/"):
        return None
    with contextlib.suppress(ToolFailure):
        found = space.open_above(path)
        if found is not None:
            with found[0] as folder:
                return folder.root, (*folder.names, found[1])
    return None


def lies_in(place: str, folders: Collection[str]) -> bool:
    """Whether an absolute place is one of some others, or lies in one."""
    return any(place == folder or place.startswith(f"{folder}/") for folder in folders)
