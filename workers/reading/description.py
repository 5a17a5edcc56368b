"""How one path is described: what it is, its times and rights, and on demand its checksum."""

import os
import stat

import msgspec

from filewarden.workers.context import Context
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.paths.handle import Handle, has_changed, kind_of
from filewarden.workers.paths.names import echo, show
from filewarden.workers.paths.refusals import denied
from filewarden.workers.paths.resolution import Names, normalise
from filewarden.workers.paths.root import Root
from filewarden.workers.paths.space import Space
from filewarden.workers.paths.statx import birth_time
from filewarden.workers.reading.checksum import sha256
from filewarden.workers.reading.file_info import FileInfo


def describe(context: Context, path: str, *, with_checksum: bool) -> FileInfo:
    """Describe one path; a link that leads nowhere allowed is described itself.

    Raises:
        ToolFailure: it is not there, closed, or has no checksum.
    """
    space = context.space
    if not with_checksum and (plain := space.open_plain(path)) is not None:
        try:
            return _describe(space, plain.root, plain.names, plain.stat, None, plain)
        finally:
            plain.close()
    if space.names_all_roots(path):
        raise ToolFailure(Code.NOT_A_FILE, "That is the list of roots: list it with list_directory, or name one root.")
    found = space.open_above(path)
    if found is None:
        with _opened(space, path, "directory") as root:
            described = _describe(space, root.root, (), root.stat, None, root)
            return _add_checksum(context, path, root, described) if with_checksum else described
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
            return _add_checksum(context, path, None, described) if with_checksum else described
        with _opened(space, path, entry.kind) as handle:
            described = _describe(space, folder.root, names, handle.stat, target, handle)
            return _add_checksum(context, path, handle, described) if with_checksum else described


def _add_checksum(context: Context, path: str, handle: Handle | None, described: FileInfo) -> FileInfo:
    shown = echo(path)
    if handle is None or described.type != "file":
        raise ToolFailure(Code.NOT_A_FILE, f"Only a file has a checksum: '{shown}' is a {described.type}.")
    if not handle.is_readable:
        raise ToolFailure(Code.ACCESS_DENIED, f"Access denied: the server has no permission to read '{shown}'.")
    digest = sha256(context, handle)
    changed = True if has_changed(handle) else msgspec.UNSET
    return msgspec.structs.replace(described, sha256=digest, changed_during_read=changed)


def _opened(space: Space, path: str, kind: str) -> Handle:
    """Open it for reading if a call here could, found by trying: modes do not tell of access lists and confinement."""
    if kind in ("file", "directory"):
        try:
            return space.open_readable(path)
        except ToolFailure:
            pass  # It can perhaps be looked at still.
    return space.resolve(path)


def _describe(
    space: Space, root: Root, names: Names, state: os.stat_result, target: str | None, handle: Handle | None
) -> FileInfo:
    kind = kind_of(state.st_mode)
    shown = handle.path if handle is not None and handle.names == names else space.display(root, names)
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
        writable=handle is not None
        and kind in ("file", "directory")
        and space.may_write(root, names)
        and _permits_writing(space, handle),
        mode=f"{stat.S_IMODE(state.st_mode):04o}",
        links=state.st_nlink,
        symlink_target=msgspec.UNSET if target is None else target,
    )


def _size(kind: str, state: os.stat_result) -> int | None:
    # A link's own size is the length of its target, which may lie outside.
    return None if kind == "directory" else 0 if kind == "symlink" else state.st_size


def _created(state: os.stat_result, handle: Handle | None) -> int:
    if handle is not None:
        born = birth_time(handle.fd)
        if born is not None:
            return born
    return int(getattr(state, "st_birthtime", state.st_ctime_ns // 1_000_000_000))


def _extension(name: str) -> str:
    """Give the suffix as pathlib does: the last dot neither begins nor ends the name."""
    at = name.rfind(".")
    return name[at:].lower() if 0 < at < len(name) - 1 else ""


def _permits_writing(space: Space, handle: Handle) -> bool:
    """Whether this process's user may change it; where nobody tells, by the mode, as far as it names the user."""
    told = space.can_write(handle)
    if told is not None:
        return told
    state, user = handle.stat, os.geteuid()
    if user in (0, state.st_uid):
        return user == 0 or bool(state.st_mode & stat.S_IWUSR)
    return bool(state.st_mode & (stat.S_IWGRP if state.st_gid == os.getegid() else stat.S_IWOTH))


def _target(space: Space, folder: Handle, name: bytes) -> str | None:
    """Read what a link says, if it is relative and stays inside: other targets tell of what lies outside."""
    try:
        target = os.readlink(name, dir_fd=folder.fd)
    except OSError:
        return None
    inside = normalise((*folder.names, *target.split(b"/")))
    judge = space.judge(folder.root)
    if target.startswith(b"/") or inside is None or (judge is not None and judge(inside)):
        return None
    return show(target)
