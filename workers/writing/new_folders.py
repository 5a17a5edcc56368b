"""Making the folders that a path needs, one name after another on descriptors."""

import contextlib
import os
from typing import TYPE_CHECKING

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.paths.handle import Handle
from filewarden.workers.paths.names import echo, parse
from filewarden.workers.paths.refusals import no_name
from filewarden.workers.rules.durability import Durability
from filewarden.workers.writing.drafts import sync_folder
from filewarden.workers.writing.recording import folder_change
from filewarden.workers.writing.target import open_target, protected, read_only
from filewarden.workers.writing.write_failures import failures_of

if TYPE_CHECKING:
    from filewarden.workers.context import Context

NEW_FOLDER_MODE = 0o755
"""Nobody else may change what is in it."""
MOST_NEW = 64
"""How many folders one call makes at most."""


def folder_of(path: str) -> str:
    """The text of the folder that holds what a path names; empty where that is the root."""
    return path.rstrip("/").rpartition("/")[0]


def name_of(path: str) -> str:
    """The text of the last name of a path."""
    return path.rstrip("/").rpartition("/")[2]


def require_name(path: str) -> None:
    """Refuse a path that does not end in a name, before folders are made for it.

    Raises:
        ToolFailure: invalid_argument.
    """
    if path.rpartition("/")[2] in ("", ".", ".."):
        raise no_name(path)


def make_folders(context: "Context", path: str, leaf: str = "") -> list[str]:
    """Make a folder and those above it that are missing; the paths of those made, the highest first.

    `leaf` is what is to be made in it afterwards: where that is refused, no folder is made either.

    Raises:
        ToolFailure: as `open_target`; not_a_directory if something else is there. Folders made before stay.
    """
    missing = _missing(context, path, leaf)
    return [made for each in reversed(missing) if (made := _make(context, each))]


def _missing(context: "Context", path: str, leaf: str) -> list[str]:
    """The paths of the folders that are not there, the lowest first, after the rules have been asked for all."""
    missing: list[str] = []
    rest = path.rstrip("/")
    while rest and len(missing) <= MOST_NEW:
        try:
            with context.space.resolve(rest) as handle:
                if handle.kind != "directory":
                    raise ToolFailure(Code.NOT_A_DIRECTORY, f"Not a directory: '{echo(rest)}' is a {handle.kind}.")
                _require_allowed(context, handle, missing, leaf, path)
                return missing
        except ToolFailure as failure:
            if failure.code is not Code.NOT_FOUND:
                raise
        missing.append(rest)
        rest = folder_of(rest)
    if rest:
        raise ToolFailure(Code.INVALID_ARGUMENT, f"The path '{echo(path)}' needs more than {MOST_NEW} new folders.")
    with context.space.resolve(".") as handle:
        _require_allowed(context, handle, missing, leaf, path)
    return missing


def _require_allowed(context: "Context", folder: Handle, missing: list[str], leaf: str, path: str) -> None:
    """Refuse before anything is made what would be refused on the way."""
    texts = [text.rpartition("/")[2] for text in reversed(missing)]
    if any(text in ("", ".", "..") for text in texts):
        raise no_name(path)
    below = tuple(map(parse, (*texts, leaf) if leaf else texts))
    if not below:
        return
    names = (*folder.names, *below)
    if not context.space.may_write(folder.root, names):
        raise read_only(path)
    if context.writing.protection.covers(names):
        raise protected(path)


def _make(context: "Context", path: str) -> str | None:
    with open_target(context, path) as target, failures_of(path):
        if target.kind == "symlink":
            raise ToolFailure(Code.CONFLICT, f"'{echo(path)}' is a link that leads nowhere.")
        if target.state is not None:
            return None
        with contextlib.suppress(FileExistsError), folder_change(context, target, comes=True, mode=NEW_FOLDER_MODE):
            os.mkdir(target.name, NEW_FOLDER_MODE, dir_fd=target.folder.fd)
            if context.writing.durability is Durability.FULL:
                sync_folder(target.folder.fd)
            return context.space.display(target.folder.root, target.names)
    return None
