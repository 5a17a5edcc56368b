"""The roots of a worker, and how a client's text becomes an open handle beneath one of them."""

import contextlib
import errno
import os
from collections.abc import Callable, Sequence
from functools import partial

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.paths import names as shown
from filewarden.workers.paths.closed import Closed
from filewarden.workers.paths.handle import Entry, Handle, kind_of
from filewarden.workers.paths.kernel_resolver import KernelResolver
from filewarden.workers.paths.mounts import is_crossing
from filewarden.workers.paths.policy import Policy
from filewarden.workers.paths.refusals import denied, failure, no_name, no_root, not_found
from filewarden.workers.paths.resolution import FOLDER, O_PATH, READ, Names, Resolver, Start, Unresolved, normalise
from filewarden.workers.paths.root import Root
from filewarden.workers.paths.spelling import Roots, split_absolute
from filewarden.workers.paths.suggestion import suggest
from filewarden.workers.paths.walking_resolver import WalkingResolver

_ARTICLES = {"pipe": "a named pipe", "socket": "a socket", "device": "a device"}


class Space:
    """All roots of one worker."""

    def __init__(
        self,
        roots: Sequence[Root],
        denied_objects: frozenset[tuple[int, int]] = frozenset(),
        *,
        resolver: Resolver | None = None,
    ) -> None:
        """`denied_objects` are (st_dev, st_ino), closed wherever they lie. Without a resolver, the best available."""
        self.roots = tuple(roots)
        self._indices = {id(root): index for index, root in enumerate(self.roots)}
        self._resolver = resolver or best_resolver()
        prefixes = tuple(split_absolute([root.path, root.real_path or root.path]) for root in roots)
        self._texts = Roots(tuple(os.fsencode(root.name) for root in roots), prefixes)
        places = tuple(split_absolute([root.real_path or root.path])[0] for root in roots)
        self._policy = Policy(roots, places, denied_objects)
        is_closed = self._policy.denies_object if denied_objects else None
        self._starts = tuple(
            Start(root.fd, prefixes[index], partial(self._policy.denies, index), is_closed, root.one_filesystem)
            for index, root in enumerate(roots)
        )
        self._closed = Closed(self._starts, self._policy, self._resolver)
        self._may_write_somewhere = any(root.writable for root in roots)
        self.judges_objects = self._policy.has_link_rules or any(root.one_filesystem for root in roots)
        """Whether a name, its type and its inode number do not suffice to tell that something is closed."""
        self.judges_names = self._policy.has_rules or self.judges_objects
        """Whether anything but its being a certain object can close what a name stands for."""

    def names_all_roots(self, path: str) -> bool:
        """Whether the path means the list of roots, which no handle stands for."""
        return len(self.roots) > 1 and self._texts.locate(path).root is None

    def named(self, path: str) -> tuple[Root, Names] | None:
        """The root that a path names and the names in it, there or not, links unfollowed; None: the list of roots."""
        place = self._texts.locate(path)
        return None if place.root is None else (self.roots[place.root], normalise(place.names) or ())

    def resolve(self, path: str) -> Handle:
        """Open whatever `path` names, links followed; it can be examined but not read."""
        return self._open(path, O_PATH)

    def open_file(self, path: str) -> Handle:
        """Open a regular file for reading."""
        handle = self._open(path, READ)
        kind = handle.kind
        if kind == "file":
            return handle
        handle.close()
        text = shown.echo(path)
        if kind == "directory":
            raise ToolFailure(Code.NOT_A_FILE, f"Not a file: '{text}' is a directory. List it with list_directory.")
        raise ToolFailure(Code.UNSUPPORTED, f"'{text}' is {_ARTICLES.get(kind, 'a link')}, not a regular file.")

    def open_directory(self, path: str) -> Handle:
        """Open a folder for listing."""
        return self._open(path, FOLDER)

    def open_readable(self, path: str) -> Handle:
        """Open whatever `path` names for reading: only for what is known to be a file or a folder."""
        return self._open(path, READ)

    def open_plain(self, path: str) -> Handle | None:
        """Open the file or folder that `path` names, to be examined; None where it takes more than one step to tell.

        That is a path with a link or `..` on its way, one that ends in `/` or `.`, what is absent or closed, and what
        is neither file nor folder. `is_readable` says whether a call could read it.
        """
        place = self._texts.locate(path)
        if place.root is None or not place.names:
            return None
        try:
            handle = self._open_names(place.root, place.names, O_PATH, path)
        except (Unresolved, ToolFailure):
            return None
        if handle.names != place.names or handle.kind not in ("file", "directory"):
            handle.close()
            return None
        handle.is_readable = self._can_read(place.root, handle)
        return handle

    def _can_read(self, index: int, handle: Handle) -> bool:
        """Whether an object that was found by real names can be opened for reading: as the kernel says, or by trying.

        Landlock and mounts leave all of a root to be read.
        """
        told = self._resolver.can_read(handle.fd)
        if told is not None:
            return told
        try:
            fd = self._resolver.open_plain(self._starts[index], handle.names, READ)
        except OSError:
            return False
        try:
            state = os.fstat(fd)
            return (state.st_dev, state.st_ino) == (handle.stat.st_dev, handle.stat.st_ino)
        finally:
            os.close(fd)

    def open_above(self, path: str) -> tuple[Handle, bytes] | None:
        """Open the folder that holds what `path` names, and say by which name, links unfollowed; None for a root."""
        index, names = self._locate(path)
        if self._policy.has_rules:
            self._closed.refuse_way(index, names, path)
        if names[-1:] in ((b"",), (b".",), (b"..",)):
            with self._reach(index, names, O_PATH, path) as handle:
                names = handle.names
        if not names:
            return None
        folder = self._reach(index, names[:-1], O_PATH | os.O_DIRECTORY, path)
        if self._policy.denies(index, (*folder.names, names[-1])):
            folder.close()
            raise denied(path)
        return folder, names[-1]

    def open_parent(self, path: str) -> tuple[Handle, bytes, os.stat_result | None]:
        """Open the folder in which `path` is to be made, changed or removed; the last name comes back unfollowed.

        With it comes what is told of what has that name now, None for nothing.

        That name is a plain one, so that a call on (descriptor, name) can reach nothing else: a root itself, and a path
        that ends in `/`, `.` or `..`, are refused. What is there already, if anything, may be seen by clients.
        """
        if self.names_all_roots(path):
            raise no_root(path)
        names = self._locate(path)[1]
        if not normalise(names):
            raise no_root(path)
        if names[-1] in (b"", b".", b".."):
            raise no_name(path)
        found = self.open_above(path)
        if found is None:
            raise denied(path)
        folder, name = found
        state: os.stat_result | None = None
        try:
            with contextlib.suppress(FileNotFoundError):
                state = os.stat(name, dir_fd=folder.fd, follow_symlinks=False)
            if state is not None and self.closes(folder, name, state):
                raise denied(path)
        except OSError as error:
            folder.close()
            raise self.refusal(folder, name, error, path) from None
        except BaseException:
            folder.close()
            raise
        return folder, name, state

    # -- what a folder holds

    def examine(self, folder: Handle, name: bytes) -> Entry | None:
        """Tell what a name in a folder is; None when it is closed to clients; raises OSError."""
        return self.entry(folder, name, os.stat(name, dir_fd=folder.fd, follow_symlinks=False))

    def entry(self, folder: Handle, name: bytes, state: os.stat_result) -> Entry | None:
        """Tell what a name in a folder is, `state` being its own; None when it is closed to clients; raises OSError."""
        if (self.judges_names or state.st_ino in self._policy.denied_inodes) and self.closes(folder, name, state):
            return None
        kind = kind_of(state.st_mode)
        if kind != "symlink":
            return Entry(kind=kind, stat=state, is_link=False)
        index = self._index(folder.root)
        try:
            with self._open_names(index, (*folder.names, name), O_PATH, "") as target:
                return Entry(kind=target.kind, stat=target.stat, is_link=True)
        except Unresolved as error:
            return None if self._closed.hides(index, error.names) else Entry(kind="symlink", stat=state, is_link=True)
        except ToolFailure:
            return None

    def closes(self, folder: Handle, name: bytes, state: os.stat_result) -> bool:
        """Whether a name in an open folder is closed, `state` being its own; raises OSError."""
        if self._policy.denies_object(state):
            return True
        if not self.judges_names:
            return False
        names = (*folder.names, name)
        index = self._index(folder.root)
        return (
            self._policy.denies(index, names)
            or self._policy.refuses_link(index, names, state)
            or (folder.root.one_filesystem and is_crossing(folder.root.fd, folder.fd, name))
        )

    def refusal(self, folder: Handle, name: bytes, error: OSError, path: str) -> ToolFailure:
        """Say why a name in a folder, which `path` led to, could not be looked at."""
        return self._unreached(self._index(folder.root), error, (*folder.names, name), path)

    def open_folder(self, root: Root, names: Names) -> Handle:
        """Open a folder by its real names, no link allowed; raises OSError."""
        return self.opener(root)(names)

    def opener(self, root: Root) -> Callable[[Names], Handle]:
        """Tell how to open folders of a root by their real names, as walks do; raises OSError."""
        open_plain = self._resolver.opener(self._starts[self._index(root)])

        def open_folder(names: Names) -> Handle:
            fd = open_plain(names)
            return Handle(fd, root, names, "", os.fstat(fd))

        return open_folder

    def judge(self, root: Root) -> Callable[[Names], bool] | None:
        """Tell how to ask whether a rule closes real names; None when there are no rules, so that a walk need not."""
        return self._starts[self._index(root)].is_denied if self._policy.has_rules else None

    def denies_object(self, state: os.stat_result) -> bool:
        """Whether this very object is closed, whatever it is called."""
        return self._policy.denies_object(state)

    @property
    def denied_inodes(self) -> frozenset[int]:
        """The inode numbers of closed objects, for a first look that needs no stat."""
        return self._policy.denied_inodes

    def display(self, root: Root, names: Names) -> str:
        """Say what clients call an object."""
        if len(self.roots) == 1:
            return shown.show(b"/".join(names)) if names else "."
        return shown.show_path((os.fsencode(root.name), *names))

    def display_below(self, folder: Handle) -> str:
        """Say what stands before a name in a folder, where clients call what has that name."""
        return f"{self.display(folder.root, folder.names)}/" if folder.names or len(self.roots) > 1 else ""

    def may_write(self, root: Root, names: Names) -> bool:
        """Whether the operator lets clients write here; of overlapping roots the innermost decides."""
        return self._may_write_somewhere and self.roots[self._policy.innermost(self._index(root), names)].writable

    def is_root(self, root: Root, names: Names) -> bool:
        """Whether these real names are those of a root that lies in this one."""
        return self._policy.is_root(self._index(root), names)

    def can_write(self, handle: Handle) -> bool | None:
        """Whether whoever may write in its root could change an object; None where only trying tells."""
        return self._resolver.can_write(handle.fd)

    # -- inside

    def _locate(self, path: str) -> tuple[int, Names]:
        place = self._texts.locate(path)
        if place.root is None:
            raise _no_single(path)
        return place.root, place.names

    def _open(self, path: str, flags: int) -> Handle:
        place = self._texts.locate(path)
        if place.root is None:
            raise _no_single(path)
        return self._reach(place.root, place.names, flags, path)

    def _reach(self, index: int, names: Names, flags: int, path: str) -> Handle:
        try:
            return self._open_names(index, names, flags, path)
        except Unresolved as error:
            if self._closed.hides(index, error.names):
                raise denied(path) from None
            raise self._unreached(index, error, error.names, path) from None

    def _unreached(self, index: int, error: OSError, names: Names, path: str) -> ToolFailure:
        """Say why a path could not be opened; what is absent, where it lies known, gets a hint at what is there."""
        root = self.roots[index]
        if error.errno != errno.ENOENT or not names:
            return failure(error, path)
        near = suggest(names, partial(self.open_folder, root), self._sees)
        return failure(error, path) if near is None else not_found(error, path, self.display(root, near))

    def _sees(self, folder: Handle, name: bytes) -> bool:
        try:
            return not self.closes(folder, name, os.stat(name, dir_fd=folder.fd, follow_symlinks=False))
        except OSError:
            return False

    def _open_names(self, index: int, names: Names, flags: int, path: str) -> Handle:
        if self._policy.has_rules:
            self._closed.refuse_way(index, names, path)
        resolved = self._resolver.open(self._starts[index], names, flags)
        try:
            state = os.fstat(resolved.fd)
            if self._closed.is_closed(index, resolved.names, state):
                raise denied(path)
        except BaseException:
            os.close(resolved.fd)
            raise
        root = self.roots[index]
        shown_path = self.display(root, resolved.names)
        return Handle(resolved.fd, root, resolved.names, shown_path, state, is_readable=not flags & O_PATH)

    def _index(self, root: Root) -> int:
        return self._indices[id(root)]


def _no_single(path: str) -> ToolFailure:
    return ToolFailure(Code.NOT_A_FILE, f"'{shown.echo(path)}' lists the roots. Begin with the name of one.")


def best_resolver() -> Resolver:
    """Take the kernel's own where it has one, else the walker; every case holds with both."""
    try:
        # Loads ctypes, which the front-end must not.
        from filewarden.workers.paths import openat2
    except ImportError:
        return WalkingResolver()
    return KernelResolver() if openat2.is_available() else WalkingResolver()
