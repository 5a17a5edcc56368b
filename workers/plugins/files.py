"""The files of the roots, as a plugin sees them: resolved as in the tools, and denied where they are denied."""

import io
from typing import BinaryIO

import msgspec

from filewarden.workers.context import Context
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.paths.handle import Handle
from filewarden.workers.paths.names import echo, show
from filewarden.workers.paths.space import Space
from filewarden.workers.paths.visible import VisibleNames


class File(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a folder: `kind` as in list_directory, `size` in bytes, `modified` in seconds since the epoch.

    The size of a link that leads out is 0: its own tells of its target.
    """

    name: str
    kind: str
    size: int
    modified: float


class Files:
    """Reading beneath the roots; every refusal is a ToolFailure that the client may be shown."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def open(self, path: str) -> BinaryIO:
        """Open a regular file for reading; close it, or use it in a `with`.

        Raises:
            ToolFailure: access_denied, not_found, not_a_file or unsupported.
        """
        handle = self._context.space.open_file(path)
        fd, handle.fd = handle.fd, -1  # whoever opened it closes it
        return io.BufferedReader(io.FileIO(fd, "rb"))

    def read(self, path: str, most_bytes: int) -> bytes:
        """The whole content of a file.

        Raises:
            ToolFailure: as `open`; too_large when there are more than `most_bytes`.
        """
        with self.open(path) as file:
            content = file.read(most_bytes + 1)
        if len(content) > most_bytes:
            raise ToolFailure(Code.TOO_LARGE, f"File too large: '{echo(path)}' has more than {most_bytes} bytes.")
        return content

    def exists(self, path: str) -> bool:
        """Whether there is something that clients may see."""
        try:
            self._context.space.resolve(path).close()
        except ToolFailure:
            return False
        return True

    def list(self, path: str, *, shows_dotted: bool = False) -> list[File]:
        """The entries of a folder that clients may see, by name; of a very large folder only so many as time allows.

        What goes while it is listed, or cannot be looked at, is left out.

        Raises:
            ToolFailure: access_denied, not_found or not_a_directory.
        """
        space = self._context.space
        with space.open_directory(path) as folder:
            names = VisibleNames(space, folder, self._context.is_overdue, shows_dotted=shows_dotted)
            found = (_look(space, folder, name) for name in sorted(names))
            return [file for file in found if file is not None]


def _look(space: Space, folder: Handle, name: bytes) -> File | None:
    try:
        entry = space.examine(folder, name)
    except OSError:
        return None
    if entry is None:
        return None
    size = 0 if entry.kind == "symlink" else entry.stat.st_size
    return File(name=show(name), kind=entry.kind, size=size, modified=entry.stat.st_mtime)
