"""The code of all modules that a process of a start imports, in one file: found there and not looked for one by one.

A start imports hundreds of small modules, and to find, read and check each costs a quarter of the time. The file lies
in `__pycache__` beside what Python keeps there, and the same holds for it: the first start that may write there makes
it, unless Python is told not to write any (`-B`, PYTHONDONTWRITEBYTECODE); a module whose source has another time or
size since is imported as ever; and one that is damaged in a way that shows is as good as none. It has the name of what
Python would keep of a module that nobody imports: so whatever removes a version of the package, or puts another in its
place, removes this with the rest, and never leaves old code behind new sources that all have one time.

Python keeps code beside its source, and whoever does not look there never runs it; this file is read by every start.
So it holds only what is of the installation: our own modules, and those in the folders that Python looks in by itself.
It counts as long as those are the same folders and nothing was added to them, and not where PYTHONPATH names others.
"""

import _signal  # type: ignore[import-not-found]  # the built-in half of `signal`, without its enumerations
import marshal
import os
import sys
from importlib.machinery import ModuleSpec, SourceFileLoader
from mmap import ACCESS_READ, mmap

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself is not imported here
    from collections.abc import Iterable, Iterator, Sequence
    from types import CodeType, ModuleType
    from typing import NoReturn

    Entry = tuple[int, int, str, str, bool, int, int]
    """Where its code begins and ends, source, where Python keeps the code, whether it is a package, time of the source
    in ns, size in bytes."""

_KEPT = __spec__.cached or ""
"""Where Python keeps the code of this module."""
_KEPT_AS = os.path.basename(_KEPT).removeprefix(__name__.rpartition(".")[2])
"""How its name ends there: by the interpreter and the optimisation."""
_PACKAGE = __name__.partition(".")[0]
_OWN = os.path.dirname(os.path.dirname(__file__)) + "/"
_HEAD = f"filewarden 1\0{sys.version}\0{sys.flags.optimize}\0{__file__}\0"
"""Without it a file is of another Python, or has come here with a copy of an installation that lies elsewhere."""
_LENGTH_BYTES = 8
_WRITING_S = 10
"""How long a start waits at most until the file is written."""


class StartupCache:
    """A finder of modules (importlib.abc.MetaPathFinder) for one kind of process.

    The file is a head, its own length, where the list of modules begins, the code of one module after the other, and
    that list. Code becomes objects module by module: together in memory with what the module makes of them.
    """

    def __init__(self, kind: str) -> None:
        """`kind` is the module beside this one in whose place the file lies. Nothing is found before `open`."""
        self._path = f"{os.path.dirname(_KEPT)}/{kind}{_KEPT_AS}"
        self._data: mmap | None = None
        self._entries: dict[str, Entry] = {}
        self._head = b""
        self._left_out: set[str] = set()
        """What was imported already, and what is not ours to keep."""
        self._is_right = _KEPT in ("", __file__) or _goes_by_environment()
        """Whether there is nothing to write: the file is there, and no source was found to have changed."""

    def open(self) -> None:
        """Find modules in the file from now on; without it, nothing changes."""
        self._left_out.update(sys.modules)
        if self._is_right:
            return
        self._head = _HEAD.encode("utf-8", "surrogateescape") + _state_of_search()
        try:
            # Mapped, for so much memory that is taken and given back would change what the allocator does afterwards.
            with open(self._path, "rb", buffering=0) as file:
                data = mmap(file.fileno(), 0, access=ACCESS_READ)
            at, begin = len(self._head), len(self._head) + 2 * _LENGTH_BYTES
            if data[: at + _LENGTH_BYTES] != self._head + _number(len(data)):
                return
            index = int.from_bytes(data[at + _LENGTH_BYTES : begin], "little")
            self._entries = dict(marshal.loads(data[index:]))  # noqa: S302 - trusted as what Python keeps
        except (OSError, EOFError, ValueError, TypeError):
            return
        self._data, self._is_right = data, True
        sys.meta_path.insert(0, self)

    def find_spec(
        self, name: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None
    ) -> ModuleSpec | None:
        """Say how a module is loaded that is in the file and has not changed since; see importlib.abc."""
        entry = self._entries.pop(name, None)
        if entry is None or self._data is None:
            return None
        try:
            begin, end, source, cached, is_package, changed_ns, size = entry
            state = os.stat(source)
            is_same = (state.st_mtime_ns, state.st_size) == (changed_ns, size)
            code = marshal.loads(self._data[begin:end]) if is_same else None  # noqa: S302 - likewise
        except (OSError, EOFError, ValueError, TypeError):
            code = None
        if code is None:
            self._is_right = False
            return None
        spec = ModuleSpec(name, _Loader(name, source, code), origin=source, is_package=is_package)
        spec.has_location, spec.cached = True, cached
        if spec.submodule_search_locations is not None:
            spec.submodule_search_locations.append(os.path.dirname(source))
        return spec

    def leave_out(self, names: "Iterable[str]") -> None:
        """Keep no code of these modules."""
        self._left_out.update(names)

    def close(self) -> None:
        """Find nothing any more. If the file was not there or not right, write it anew, of what is imported by now."""
        self._entries.clear()
        if self._data is not None:
            self._data.close()
            self._data = None
            sys.meta_path.remove(self)
        if not self._is_right and not sys.dont_write_bytecode:
            self._write_aside()

    def _write_aside(self) -> None:
        """Write it in a child, which takes the memory that this needs away with it; as with Python's own, or not."""
        made = f"{self._path}.{os.getpid()}"
        try:
            fd = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        except OSError:
            return
        status = 1
        try:
            if (pid := os.fork()) == 0:
                self._write(fd, made)
            status = os.waitpid(pid, 0)[1]
        except OSError:
            pass
        os.close(fd)
        if status != 0:
            try:
                os.unlink(made)
            except OSError:
                return

    def _write(self, fd: int, made: str) -> "NoReturn":
        """Live as that child, which ends what it has begun when its parent is killed."""
        status = 1
        try:
            _signal.alarm(_WRITING_S)
            with open(fd, "wb") as file:
                file.write(self._content())
            os.replace(made, self._path)
            status = 0
            self._clear_away()
        finally:
            os._exit(status)

    def _clear_away(self) -> None:
        """Remove what others have left that were killed; one that still writes has nothing to do any more."""
        folder, name = os.path.split(self._path)
        for entry in os.listdir(folder):
            if entry.startswith(f"{name}.") and entry.rpartition(".")[2].isdigit():
                os.unlink(f"{folder}/{entry}")

    def _content(self) -> bytes:
        code, entries = bytearray(), {}
        begin = len(self._head) + 2 * _LENGTH_BYTES
        for name, one, *facts in self._imported():
            at = begin + len(code)
            code += marshal.dumps(one)
            entries[name] = (at, begin + len(code), *facts)
        index, listed = begin + len(code), marshal.dumps(entries)
        return b"".join((self._head, _number(index + len(listed)), _number(index), code, listed))

    def _imported(self) -> "Iterator[tuple[str, CodeType, str, str, bool, int, int]]":
        folders = _searched()
        for name, module in sorted(sys.modules.items()):
            spec = getattr(module, "__spec__", None)
            # What is derived from that loader may make other code of a source than Python would.
            if name in self._left_out or spec is None or type(spec.loader) not in (SourceFileLoader, _Loader):
                continue
            source, cached, is_package = spec.origin, spec.cached, spec.submodule_search_locations is not None
            if source is None or cached is None or spec.name != name:
                continue
            if not _is_of_installation(name, source, folders):
                continue
            state, code = os.stat(source), spec.loader.get_code(name)
            if code is not None:
                yield name, code, source, cached, is_package, state.st_mtime_ns, state.st_size


class _Loader(SourceFileLoader):
    """Loads one module from code that has been read already."""

    def __init__(self, name: str, path: str, code: "CodeType") -> None:
        super().__init__(name, path)
        self._code: CodeType | None = code

    def get_code(self, fullname: str) -> "CodeType | None":
        """The code, once: it is not held longer than it takes to run it."""
        code, self._code = self._code, None
        return super().get_code(fullname) if code is None else code


def _number(value: int) -> bytes:
    return value.to_bytes(_LENGTH_BYTES, "little")


def _goes_by_environment() -> bool:
    return not sys.flags.ignore_environment and bool(os.environ.get("PYTHONPATH"))


def _searched() -> list[str]:
    """The folders that Python looks in by itself: without that of the program, or where it was started."""
    return sys.path if sys.flags.safe_path else sys.path[1:]


def _state_of_search() -> bytes:
    """Another one when Python looks elsewhere, or when something was installed or removed."""
    found = []
    for folder in _searched():
        try:
            changed_ns = os.stat(folder).st_mtime_ns
        except OSError:
            changed_ns = 0
        found.append(f"{folder}\0{changed_ns}\0")
    return "".join(found).encode("utf-8", "surrogateescape")


def _is_of_installation(name: str, source: str, folders: "Iterable[str]") -> bool:
    if name.partition(".")[0] == _PACKAGE:
        return source.startswith(_OWN)
    stem = name.replace(".", "/")
    return any(source in (f"{folder}/{stem}.py", f"{folder}/{stem}/__init__.py") for folder in folders)
