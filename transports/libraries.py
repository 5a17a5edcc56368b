"""The folders that modules are imported from, and how the front-end reaches them when it has given its rights up.

What a start does not need is imported at first need. Landlock leaves these folders readable, but for those with
something in them that is served. A server started as root may lie where only root can enter, such as a private home:
then its folders are held open, and modules are found by those handles from then on.
"""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from filewarden.broker.account import Account, acting_as
from filewarden.config.root_policy import lies_in

PACKAGES = ("filewarden.broker", "filewarden.config", "filewarden.transports", "filewarden.workers")
HANDLES = "/proc/self/fd/"


def can_import_later(roots: Sequence[str]) -> bool:
    """Whether every folder of modules stays readable to a front-end that keeps its account."""
    return not any(_is_served(os.path.realpath(path), roots) for path in _folders())


def libraries(roots: Sequence[str]) -> Iterable[str]:
    """Where modules are imported from, but for what is served: what is needed from there is loaded already."""
    for path in _folders():
        real = os.path.realpath(path)
        if not _is_served(real, roots):
            yield path if path.startswith(HANDLES) else real


def hold_libraries(account: Account) -> bool:
    """Let `account` import from wherever this process can, before the change to it; whether it will be able to.

    It sees more by a handle than a path would let it, so this is for systems where Landlock takes away the rest.
    """
    folders = tuple(_folders())
    handles = {path: f"{HANDLES}{os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)}" for path in folders}
    with acting_as(account):
        reachable = [path for path in folders if os.access(path, os.R_OK | os.X_OK, effective_ids=True)]
        for path in reachable:
            os.close(int(handles.pop(path).removeprefix(HANDLES)))
        can_read = all(
            os.access(_by_handle(file, handles), os.R_OK, effective_ids=True)
            for file in (os.__file__, msgspec.__file__, __file__)
        )
    if can_read:
        _go_by(handles)
    return can_read


def _go_by(handles: Mapping[str, str]) -> None:
    sys.path[:] = [_by_handle(path, handles) for path in sys.path]
    for module in tuple(sys.modules.values()):
        places = getattr(module, "__path__", None)
        if isinstance(places, list):  # a namespace goes by sys.path
            places[:] = [_by_handle(place, handles) for place in places]


def _by_handle(place: str, handles: Mapping[str, str]) -> str:
    for path, handle in handles.items():
        if place == path or place.startswith(path + "/"):
            return handle + place[len(path) :]
    return place


def _folders() -> Iterator[str]:
    """Those on the search path, and those of our own packages where they lie elsewhere, as in a working copy."""
    found: list[str] = []
    own = (place for name in PACKAGES if name in sys.modules for place in sys.modules[name].__path__)
    for path in (*sys.path, *own):
        if path and os.path.isdir(path) and not any((path + "/").startswith(each + "/") for each in found):
            found.append(path)
            yield path


def _is_served(real: str, roots: Sequence[str]) -> bool:
    return any(lies_in(real, root) or lies_in(root, real) for root in roots)
