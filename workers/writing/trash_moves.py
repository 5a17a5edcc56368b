"""Ways into the trash and out of it, as the tools go them and the history records them."""

from typing import TYPE_CHECKING

from filewarden.workers.writing.drafts import changed
from filewarden.workers.writing.recording import trash_change
from filewarden.workers.writing.subtree import require_sleeping, walk
from filewarden.workers.writing.target import Target
from filewarden.workers.writing.trash import Trash, new_identifier

if TYPE_CHECKING:
    from filewarden.workers.context import Context


def take(context: "Context", trash: Trash, target: Target, size: int) -> str:
    """Move what is at a target into the trash; what it can be restored by. `size` in bytes.

    Raises:
        ToolFailure: conflict.
        OSError: as `Trash.take`.
    """
    if target.state is None:
        raise changed()
    identifier = new_identifier()
    with trash_change(context, target, identifier, target.state, action="trash"):
        trash.take(target, identifier, size)
    return identifier


def give_back(context: "Context", trash: Trash, identifier: str, item: Target, target: Target) -> None:
    """Move an item of the trash to a place that is free.

    Raises:
        ToolFailure: not_found; access_denied, if something in it would become protected.
        OSError: FileExistsError when the place is taken.
    """
    for found in walk(context, item) if item.kind == "directory" else ():
        require_sleeping(context, target, found, target.names)
    if item.state is None:
        raise changed()
    with trash_change(context, target, identifier, item.state, action="restore"):
        trash.give_back(identifier, target)
