"""Changes that were begun and of which nobody said that they were made: what is there now tells."""

import contextlib
from typing import TYPE_CHECKING, Literal

from filewarden.workers.errors import ToolFailure
from filewarden.workers.history.entry import Kept
from filewarden.workers.history.recorded import Recorded
from filewarden.workers.history.store import History
from filewarden.workers.paths.root import Root
from filewarden.workers.writing.change_paths import client_path, roots_of
from filewarden.workers.writing.change_records import content_of, key_of
from filewarden.workers.writing.deletions import root_of
from filewarden.workers.writing.identity import identity_of
from filewarden.workers.writing.target import Target, open_target
from filewarden.workers.writing.trash import find_trash

if TYPE_CHECKING:
    from filewarden.workers.context import Context

Verdict = Literal["made", "not_made", "unknown"]


def resolve(context: "Context", history: History, identifier: str) -> Verdict | None:
    """Find out whether an interrupted change was made, and say so in the history; one of which nobody knows stays.

    None: it is no interrupted change, or was not even begun.

    Raises:
        OSError: what is there cannot be looked at.
    """
    with history.interrupted(identifier) as kept:
        if kept is None:
            return None
        verdict = judge(context, kept)
        if verdict == "made":
            history.settle(identifier)
        elif verdict == "not_made":
            history.forget(identifier)
        return verdict


def resolve_all(context: "Context", history: History) -> list[str]:
    """Find out of every interrupted change, the newest first, as long as there is time; those of which nobody knows.

    Raises:
        OSError: the history cannot be read.
    """
    unknown = []
    for identifier in history.pending():
        if context.is_overdue():
            break
        with contextlib.suppress(OSError):
            if resolve(context, history, identifier) == "unknown":
                unknown.append(identifier)
    return unknown


def root_of_change(context: "Context", recorded: Recorded) -> Root | None:
    """The root through which a change was made, of those that hold its place, where it matters; None: the innermost.

    What has its place in the trash of one root, or was moved within it, has to go back within that root: others that
    hold the place too may be mounted apart.
    """
    if recorded.trash_id:
        return root_of(context, recorded.trash_id, roots_of(context.space, recorded.path))
    if recorded.source:
        return next(iter(roots_of(context.space, recorded.path, recorded.source)), None)
    return None


def judge(context: "Context", kept: Kept) -> Verdict:
    """Whether a change was made, by what is there; raises OSError."""
    recorded = kept.recorded
    path = client_path(context.space, recorded.path, root_of_change(context, recorded))
    if path is None:
        return "unknown"
    try:
        with open_target(context, path) as target:
            return _judge(context, recorded, target)
    except ToolFailure:  # its folder is gone, or nothing may be done there any more
        return "unknown"


def _judge(context: "Context", recorded: Recorded, target: Target) -> Verdict:
    match recorded.action:
        case "content":
            now = content_of(context, target)
            return _either(now == key_of(recorded.after), now == key_of(recorded.before))
        case "folder":
            comes, is_there = recorded.after is not None, target.kind == "directory"
            return _either(comes == is_there, comes != is_there)
        case "move":
            return _judge_move(context, recorded, target)
        case "trash":
            return _either(_is_in_trash(context, recorded, target), _is_it(recorded, target))
        case "restore":
            return _either(_is_it(recorded, target), _is_in_trash(context, recorded, target))
        case "removal":  # of a folder, a part may be gone
            return _either(target.state is None, target.kind not in ("", "directory"))


def _either(was_made: bool, was_not: bool) -> Verdict:
    return "made" if was_made else "not_made" if was_not else "unknown"


def _is_it(recorded: Recorded, target: Target) -> bool:
    """Whether what was moved is at a place."""
    return target.state is not None and recorded.identity == identity_of(target.state)


def _judge_move(context: "Context", recorded: Recorded, target: Target) -> Verdict:
    origin = client_path(context.space, recorded.source)
    if origin is None:
        return "unknown"
    with open_target(context, origin) as source:
        if not _is_it(recorded, target):
            return _either(False, _is_it(recorded, source))
        is_refilled = recorded.after is None or content_of(context, source) == key_of(recorded.after)
        return _either(is_refilled, False)


def _is_in_trash(context: "Context", recorded: Recorded, target: Target) -> bool:
    root = target.folder.root
    with find_trash(root, context.writing.durability) as trash:
        if trash is None:
            return False
        try:
            with trash.item(recorded.trash_id, root) as item:
                return _is_it(recorded, item)
        except ToolFailure:
            return False
