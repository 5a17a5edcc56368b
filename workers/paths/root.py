"""A folder that clients may reach: open, with what the operator decided about it."""

import os
from collections.abc import Sequence

import msgspec

from filewarden.workers.paths.deny import DenyRules, deny_rules
from filewarden.workers.paths.reserved import DENIED
from filewarden.workers.paths.resolution import O_PATH, Names, beneath


class Root(msgspec.Struct, frozen=True, kw_only=True):
    """A folder that clients may reach."""

    name: str
    path: str
    """Absolute, as configured, with the links in it."""
    fd: int
    writable: bool = False
    deny: DenyRules = DenyRules()
    refuses_hard_links: bool = False
    """Whether a regular file with more than one name is closed: one of them may lie outside."""
    one_filesystem: bool = False
    """Whether what is mounted below is closed."""
    real_path: str = ""
    """`path` with all links resolved when the root was opened; empty: the same."""

    @property
    def location(self) -> bytes:
        """The absolute path without links, as URIs have it."""
        return os.fsencode(self.real_path or self.path)


def open_root(
    name: str,
    path: str,
    *,
    writable: bool = False,
    deny: Sequence[str] = (),
    refuses_hard_links: bool = False,
    one_filesystem: bool = False,
    own_paths: Sequence[str] = (),
    spelling: str = "",
) -> Root:
    """Open a configured folder; of `own_paths` (absolute, without links) those in it are denied, there or not.

    It is opened by `path` alone; `spelling` is another way that clients may write it. Where clients may write, what
    writing makes for itself is denied too.

    Raises OSError when it is not there, ToolFailure when a deny rule is no glob.
    """
    real_path = os.path.realpath(path)
    deny = (*deny, *DENIED) if writable else deny
    rules = deny_rules(deny, [rest for own in _split(own_paths) for rest in beneath(own, _split([real_path])) if rest])
    return Root(
        name=name,
        path=spelling or path,
        fd=os.open(path, O_PATH | os.O_DIRECTORY | os.O_CLOEXEC),
        writable=writable,
        deny=rules,
        refuses_hard_links=refuses_hard_links,
        one_filesystem=one_filesystem,
        real_path=real_path,
    )


def _split(paths: Sequence[str]) -> tuple[Names, ...]:
    return tuple(tuple(name for name in os.fsencode(path).split(b"/") if name) for path in paths)
