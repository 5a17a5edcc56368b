"""What is told of one change in the history. Pure."""

from typing import Literal

import msgspec

Action = Literal["content", "folder", "move", "trash", "restore", "removal"]
"""`content`: a file came, went or got other bytes. `trash` and `restore`: into the trash and out of it. `removal`: for
good, of what is no single file, so that there is nothing to undo it by."""


class FileState(msgspec.Struct, frozen=True):
    """A regular file at one moment; of a folder, the mode alone."""

    sha256: str
    size: int
    mode: int
    owner: int | None = None
    """Of a file that was there, by number."""
    group: int | None = None
    has_access_list: bool = False
    """Then the mode tells of the list's mask where it seems to tell of the group (acl(5))."""


Identity = tuple[int, int, int, int]
"""Device, inode, and of a file its size and the time of its last change in nanoseconds; of a folder twice 0."""


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """One change. Paths are absolute, in their shown form.

    `before` and `after` are what `path` held; the content of `before` is kept beside this. A move goes from `source`
    to `path`: `before` is then what it displaced there, and `after` what came to be at its source instead.
    """

    operation: str
    principal: str
    call: str = ""
    """Which call of which server made it: how that call finds it again."""
    action: Action
    path: str
    source: str = ""
    before: FileState | None = None
    after: FileState | None = None
    identity: Identity | None = None
    """Of what was moved, into the trash or out of it too."""
    trash_id: str = ""
    undoes: str = ""
    """The change that this one has undone."""
