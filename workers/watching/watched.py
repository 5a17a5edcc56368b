"""One thing that is watched: what it is now, and in which folders to listen for news of it."""

import contextlib
from typing import NamedTuple

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.paths.handle import Handle
from filewarden.workers.paths.resolution import Names
from filewarden.workers.paths.root import Root
from filewarden.workers.paths.space import Space

Identity = tuple[int, int]
"""st_dev, st_ino."""


class Spot(NamedTuple):
    """Where to listen: a folder by its real names, and the name in it that matters; None: whatever is in it."""

    root: Root
    folder: Names
    name: bytes | None
    identity: Identity
    """Which folder it is: another one may take its name."""


class Look(NamedTuple):
    """What was found. Two looks with the same `state` saw the same thing unchanged; None: nothing is there."""

    state: tuple[int, ...] | None
    spots: tuple[Spot, ...]
    failure: ToolFailure | None = None
    """Why nothing is there for a client."""


def look(space: Space, path: str) -> Look:
    """Resolve a path as for any call, and tell what to listen to. A link is watched itself, beside what it leads to.

    Of a folder the state is only which one it is: what comes, goes and changes in it is told by name, so that what
    clients may not see can be left out.
    """
    above = _above(space, path)
    try:
        with space.resolve(path) as handle:
            state, spot = _seen(space, handle, above)
    except ToolFailure as failure:
        return Look(None, above, failure)
    except OSError:
        return Look(None, above, ToolFailure(Code.NOT_FOUND, "It went away just now."))
    if spot is None:
        return Look(None, (), ToolFailure(Code.UNSUPPORTED, "Only files and folders can be watched."))
    return Look(state, (spot, *(other for other in above if other != spot)))


def _seen(space: Space, handle: Handle, above: tuple[Spot, ...]) -> tuple[tuple[int, ...], Spot | None]:
    """The state of what is open, and where to listen for changes of it; raises OSError."""
    stat, names = handle.stat, handle.names
    if handle.kind == "directory":
        identity = stat.st_dev, stat.st_ino
        return identity, Spot(handle.root, names, None, identity)
    if handle.kind != "file":
        return (), None
    state = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
    for spot in above:
        if (spot.root.fd, *spot.folder, spot.name) == (handle.root.fd, *names):
            return state, spot
    with space.open_folder(handle.root, names[:-1]) as folder:
        return state, Spot(handle.root, names[:-1], names[-1], _identity(folder))


def _above(space: Space, path: str) -> tuple[Spot, ...]:
    """The folder in which the path's last name stands, links to it unfollowed; nothing for a root or a lost folder."""
    with contextlib.suppress(ToolFailure):
        found = space.open_above(path)
        if found is not None:
            folder, name = found
            with folder:
                return (Spot(folder.root, folder.names, name, _identity(folder)),)
    return ()


def _identity(folder: Handle) -> Identity:
    return folder.stat.st_dev, folder.stat.st_ino
