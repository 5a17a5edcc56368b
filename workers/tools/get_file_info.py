"""The tool `get_file_info`: what is known about one path without reading it."""

import os
import stat
from typing import TYPE_CHECKING, Annotated

import msgspec

from filewarden.workers.tool import Tool

if TYPE_CHECKING:
    from filewarden.workers.context import Context
    from filewarden.workers.paths.handle import Handle
    from filewarden.workers.paths.resolution import Names
    from filewarden.workers.paths.root import Root
    from filewarden.workers.paths.space import Space


class GetFileInfo(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Describe one file or folder."""

    path: Annotated[str, msgspec.Meta(min_length=1, max_length=16384, description="Relative to the root.")]
    checksum: Annotated[bool, msgspec.Meta(description="Add the SHA-256 of a file.")] = False


class FileInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `get_file_info`; times are whole seconds since the epoch."""

    name: str
    path: str
    type: str
    size: int | None
    modified: int
    created: int
    extension: str | None
    readable: bool
    writable: bool
    mode: str
    links: int
    symlink_target: str | msgspec.UnsetType = msgspec.UNSET
    sha256: str | msgspec.UnsetType = msgspec.UNSET
    changed_during_read: bool | msgspec.UnsetType = msgspec.UNSET
    """True where the file changed while its checksum was computed."""


def run(context: "Context", arguments: GetFileInfo) -> FileInfo:
    """Describe one path; a link that leads nowhere allowed is described itself."""
    from filewarden.workers.errors import Code, ToolFailure
    from filewarden.workers.paths.refusals import denied

    space, path = context.space, arguments.path
    if space.names_all_roots(path):
        raise ToolFailure(Code.NOT_A_FILE, "That is the list of roots: list it with list_directory, or name one root.")
    found = space.open_above(path)
    if found is None:
        with _opened(space, path, "directory") as root:
            return _with_checksum(context, arguments, root, _describe(space, root.root, (), root.stat, None, root))
    folder, name = found
    with folder:
        names = (*folder.names, name)
        try:
            entry = space.examine(folder, name)
        except OSError as error:
            raise space.refusal(folder, name, error, path) from None
        if entry is None:
            raise denied(path)
        target = _target(space, folder, name) if entry.is_link or entry.kind == "symlink" else None
        if entry.kind == "symlink":
            described = _describe(space, folder.root, names, entry.stat, target, None)
            return _with_checksum(context, arguments, None, described)
        with _opened(space, path, entry.kind) as handle:
            described = _describe(space, folder.root, names, handle.stat, target, handle)
            return _with_checksum(context, arguments, handle, described)


def _with_checksum(
    context: "Context", arguments: GetFileInfo, handle: "Handle | None", described: FileInfo
) -> FileInfo:
    from filewarden.workers.errors import Code, ToolFailure
    from filewarden.workers.paths.handle import has_changed
    from filewarden.workers.paths.names import echo
    from filewarden.workers.reading.checksum import sha256

    if not arguments.checksum:
        return described
    shown = echo(arguments.path)
    if handle is None or described.type != "file":
        raise ToolFailure(Code.NOT_A_FILE, f"Only a file has a checksum: '{shown}' is a {described.type}.")
    if not handle.is_readable:
        raise ToolFailure(Code.ACCESS_DENIED, f"Access denied: the server has no permission to read '{shown}'.")
    digest = sha256(context, handle)
    changed = True if has_changed(handle) else msgspec.UNSET
    return msgspec.structs.replace(described, sha256=digest, changed_during_read=changed)


def _opened(space: "Space", path: str, kind: str) -> "Handle":
    """Open it for reading if a call here could, found by trying: modes do not tell of access lists and confinement."""
    from filewarden.workers.errors import ToolFailure

    if kind in ("file", "directory"):
        try:
            return space.open_readable(path)
        except ToolFailure:
            pass  # It can perhaps be looked at still.
    return space.resolve(path)


def _describe(
    space: "Space", root: "Root", names: "Names", state: os.stat_result, target: str | None, handle: "Handle | None"
) -> FileInfo:
    from filewarden.workers.paths.handle import kind_of

    kind = kind_of(state.st_mode)
    shown = space.display(root, names)
    name = shown.rpartition("/")[2]
    return FileInfo(
        name=name,
        path=shown,
        type=kind,
        size=_size(kind, state),
        modified=state.st_mtime_ns // 1_000_000_000,
        created=_created(state, handle),
        extension=None if kind == "directory" else _extension(name),
        readable=handle is not None and kind in ("file", "directory") and handle.is_readable,
        writable=kind in ("file", "directory") and space.may_write(root, names) and _permits_writing(state),
        mode=f"{stat.S_IMODE(state.st_mode):04o}",
        links=state.st_nlink,
        symlink_target=msgspec.UNSET if target is None else target,
    )


def _size(kind: str, state: os.stat_result) -> int | None:
    # A link's own size is the length of its target, which may lie outside.
    return None if kind == "directory" else 0 if kind == "symlink" else state.st_size


def _created(state: os.stat_result, handle: "Handle | None") -> int:
    if handle is not None:
        # Loads ctypes, which the front-end must not.
        from filewarden.workers.paths.statx import birth_time

        born = birth_time(handle.fd)
        if born is not None:
            return born
    return int(getattr(state, "st_birthtime", state.st_ctime_ns // 1_000_000_000))


def _extension(name: str) -> str:
    """Give the suffix as pathlib does: the last dot neither begins nor ends the name."""
    at = name.rfind(".")
    return name[at:].lower() if 0 < at < len(name) - 1 else ""


def _permits_writing(state: os.stat_result) -> bool:
    """Whether the mode lets this process's user write. access(2) would answer for the read-only mount of a reader."""
    user = os.geteuid()
    if user == 0:
        return True
    if state.st_uid == user:
        return bool(state.st_mode & stat.S_IWUSR)
    if state.st_gid == os.getegid() or state.st_gid in os.getgroups():
        return bool(state.st_mode & stat.S_IWGRP)
    return bool(state.st_mode & stat.S_IWOTH)


def _target(space: "Space", folder: "Handle", name: bytes) -> str | None:
    """Read what a link says, if it is relative and stays inside: other targets tell of what lies outside."""
    from filewarden.workers.paths.names import show
    from filewarden.workers.paths.resolution import normalise

    try:
        target = os.readlink(name, dir_fd=folder.fd)
    except OSError:
        return None
    inside = normalise((*folder.names, *target.split(b"/")))
    judge = space.judge(folder.root)
    if target.startswith(b"/") or inside is None or (judge is not None and judge(inside)):
        return None
    return show(target)


TOOL = Tool(
    name="get_file_info",
    title="Describe a path",
    description="Describes one file or folder: type, bytes, times (seconds since 1970), rights. For many use "
    "list_directory.",
    arguments=GetFileInfo,
    result=FileInfo,
    run=run,
)
