"""What a change is made to: an open folder and one plain name in it, after every rule has been asked.

Whatever happens to the path afterwards, a system call on the folder's descriptor and a single name can reach nothing
else (sandbox brief 7.2).
"""

import os
import stat
from typing import TYPE_CHECKING, Self

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.paths.handle import Handle, kind_of
from filewarden.workers.paths.names import echo
from filewarden.workers.paths.resolution import Names

if TYPE_CHECKING:
    from filewarden.workers.context import Context

_ARTICLES = {"pipe": "a named pipe", "socket": "a socket", "device": "a device", "symlink": "a link"}


class Target:
    """A place that may be changed; `state` is what was there when it was opened, of a link itself, or None."""

    __slots__ = ("asked", "content", "folder", "name", "old", "state")

    def __init__(self, folder: Handle, name: bytes, asked: str, state: os.stat_result | None) -> None:
        self.folder = folder
        self.name = name
        self.asked = asked
        """The client's own text."""
        self.state = state
        self.old: Handle | None = None
        """The file that is there, once it was opened for reading (`old_version.py`); it is closed with the folder."""
        self.content: bytes | None = None
        """What is in it, once all of it was read."""

    @property
    def names(self) -> Names:
        """Where it really lies beneath its root."""
        return (*self.folder.names, self.name)

    @property
    def kind(self) -> str:
        """What is there, as clients call it; empty for nothing."""
        return "" if self.state is None else kind_of(self.state.st_mode)

    def now(self) -> os.stat_result | None:
        """What is there at this moment; raises OSError."""
        return _look(self.folder, self.name)

    def close(self) -> None:
        """Give back what was opened."""
        if self.old is not None:
            self.old.close()
        self.folder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_target(context: "Context", path: str, *, follow: bool = False, makes: bool = True) -> Target:
    """Open the place that `path` names for a change; with `follow`, of a link that stays inside what it leads to.

    `makes`: something may come to be there, so that a client whose folder is missing is told how to make it.

    Raises:
        ToolFailure: it is closed, protected, lies where nothing may be written, or its folder is not there.
    """
    target = _open(context, path, makes=makes)
    try:
        if follow and target.state is not None and stat.S_ISLNK(target.state.st_mode):
            target = _followed(context, target)
        allow(context, target)
    except BaseException:
        target.close()
        raise
    return target


def allow(context: "Context", target: Target) -> None:
    """Refuse what the operator keeps from changes.

    Raises:
        ToolFailure: read_only or access_denied.
    """
    if not context.space.may_write(target.folder.root, target.names):
        raise read_only(target.asked)
    if context.writing.protection.covers(target.names):
        raise protected(target.asked)


def read_only(path: str) -> ToolFailure:
    """Refuse a change where the operator allows none."""
    return ToolFailure(
        Code.READ_ONLY, f"'{echo(path)}' lies in a root that is read-only: nothing in it can be changed."
    )


def protected(path: str) -> ToolFailure:
    """Refuse a change of what makes other programs run something."""
    return ToolFailure(
        Code.ACCESS_DENIED,
        f"Access denied: '{echo(path)}' is protected by the policy code-execution, as other programs run what it says. "
        "The operator can change that with writes.protect or writes.protected.",
        policy="code-execution",
    )


def require_file(target: Target) -> os.stat_result:
    """The state of the regular file that is there.

    Raises:
        ToolFailure: not_found, not_a_file or unsupported.
    """
    shown = echo(target.asked)
    if target.state is None:
        raise ToolFailure(Code.NOT_FOUND, f"Path not found: '{shown}'. Make a new file with write_file.")
    if target.kind == "directory":
        raise ToolFailure(Code.NOT_A_FILE, f"Not a file: '{shown}' is a directory.")
    if target.kind != "file":
        raise ToolFailure(Code.UNSUPPORTED, f"'{shown}' is {_ARTICLES.get(target.kind, 'a link')}, not a regular file.")
    return target.state


def require_own(target: Target, state: os.stat_result) -> None:
    """Refuse to replace a file of another account: the new version of it would be ours.

    Raises:
        ToolFailure: access_denied.
    """
    if state.st_uid != os.geteuid():
        raise ToolFailure(
            Code.ACCESS_DENIED,
            f"Access denied: '{echo(target.asked)}' belongs to another account, and a new version of it would not. "
            "Nothing was changed.",
        )


def _open(context: "Context", path: str, *, makes: bool) -> Target:
    try:
        folder, name, state = context.space.open_parent(path)
    except ToolFailure as failure:
        if makes and failure.code is Code.NOT_FOUND and "/" in path.strip("/"):
            raise ToolFailure(
                Code.NOT_FOUND,
                f"{failure.message} The folder has to be there first: create_directory makes it.",
                **failure.details,
            ) from None
        raise
    return Target(folder, name, path, state)


def _followed(context: "Context", link: Target) -> Target:
    space = context.space
    try:
        with space.resolve(link.asked) as found:  # a link that leaves, dangles or loops is refused here
            root, names = found.root, found.names
    except ToolFailure as failure:
        if failure.code is not Code.NOT_FOUND:
            raise
        raise ToolFailure(
            Code.NOT_FOUND,
            f"'{echo(link.asked)}' is a link to something that is not there. Name another path, or delete the link.",
        ) from None
    if not names:
        raise ToolFailure(Code.NOT_A_FILE, f"Not a file: '{echo(link.asked)}' is a directory.")
    try:
        folder = space.open_folder(root, names[:-1])
    except OSError as error:
        raise space.refusal(link.folder, link.name, error, link.asked) from None
    link.close()
    folder.path = space.display(root, names[:-1])
    return Target(folder, names[-1], link.asked, _look(folder, names[-1]))


def _look(folder: Handle, name: bytes) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=folder.fd, follow_symlinks=False)
    except FileNotFoundError:
        return None
