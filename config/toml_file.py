"""The TOML file as a source. It says where the file is wrong and never repeats the text of a file it cannot parse."""

import errno
import os
import stat
from functools import partial

from filewarden.config.errors import Problem, printable
from filewarden.config.folders import located
from filewarden.config.nearest import hint
from filewarden.config.options import Option, options, root_options, section_names
from filewarden.config.sources import GivenRoot, Source
from filewarden.config.values import from_toml, written

MAX_FILE_BYTES = 1048576
ROOTS = "roots"
PARSER_REASONS = (
    "Cannot declare",
    "Cannot overwrite a value",
    "Expected",
    "Invalid statement",
    "Invalid value",
    "Unclosed array",
    "Unclosed inline table",
    "Unterminated string",
)


class Unreadable(Exception):
    """Stays in this module: why the file gives nothing, as a sentence."""


def read_toml_file(path: str, home: str | None, *, is_named: bool) -> Source:
    """Read the settings in the file; one that was not asked for by name need not exist. `path` is absolute.

    Relative paths in it start at the file's own folder, so that they mean the same wherever the server is started.
    """
    source = Source()
    try:
        text = _text(path)
        if text is None and not is_named:
            return source
        if text is None:
            raise Unreadable("does not exist: name an existing file, or write one with `filewarden config init`")
        tables = _parsed(text)
    except Unreadable as error:
        if not is_named and _is_out_of_reach(path):
            source.warnings.append(f"{printable(path)} cannot be looked for, and no other file is read: {error}")
        else:
            source.problems.append(Problem("--config" if is_named else "configuration file", path, str(error)))
        return source
    source.file = path
    reader = _Reader(source, path, home)
    for name, value in tables.items():
        reader.read_section(name, value)
    return source


def _text(path: str) -> str | None:
    try:
        # O_NONBLOCK: opening a pipe that nobody writes to would wait for ever.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            data = _content(fd)
        finally:
            os.close(fd)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError:
        raise Unreadable("has a NUL character in its name") from None
    except OSError as error:
        raise Unreadable(f"cannot be read: {os.strerror(error.errno or errno.EIO)}") from None
    if len(data) > MAX_FILE_BYTES:
        raise Unreadable(f"is larger than {MAX_FILE_BYTES} bytes")
    if data.startswith(b"\xef\xbb\xbf"):
        raise Unreadable("line 1 starts with a byte order mark: save it as UTF-8 without one")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Unreadable(f"is not UTF-8 text (line {line})") from None


def _content(fd: int) -> bytes:
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        raise Unreadable("is not a regular file")
    with open(fd, "rb", closefd=False) as file:
        return file.read(MAX_FILE_BYTES + 1)


def _is_out_of_reach(path: str) -> bool:
    """Whether a folder above keeps us from knowing if the file exists, as with the `$HOME` of another user."""
    try:
        os.stat(path)
    except PermissionError:
        return True
    except OSError:
        return False
    return False


def _parsed(text: str) -> dict[str, object]:
    import tomllib  # only where there is a file: 5 ms

    try:
        tables: dict[str, object] = tomllib.loads(text)
    except RecursionError:
        raise Unreadable("is nested too deeply") from None
    except ValueError as error:  # TOMLDecodeError, or an integer of thousands of digits
        raise Unreadable(f"is no valid TOML{_fault(str(error), text)}") from None
    return tables


def _fault(message: str, text: str) -> str:
    """Give place and reason without characters from the file, which may be the wrong file altogether."""
    reason, _, place = message.rpartition(" (at ")
    place = place.removesuffix(")").replace("end of document", f"line {text.count(chr(10)) + 1}, the end of the file")
    known = reason.startswith(PARSER_REASONS) and reason.isascii() and len(reason) < 80
    return (f" at {place}" if reason else "") + (f": {reason}" if known else "")


class _Reader:
    """Walks the parsed tables and fills a `Source`."""

    def __init__(self, source: Source, path: str, home: str | None) -> None:
        self._source = source
        self._path = path
        self._folder = os.path.dirname(path)
        self._home = home

    def read_section(self, name: str, value: object) -> None:
        if name == ROOTS:
            self._read_roots(value)
        elif name not in section_names():
            self._refuse(name, f"unknown section{hint(name, [*section_names(), ROOTS])}")
        elif not isinstance(value, dict):
            self._refuse(name, f"must be a table: write [{name}] on a line of its own")
        else:
            for key, item in value.items():
                self._read(f"{name}.{key}", key, item)

    def _read(self, dotted: str, key: str, value: object) -> None:
        option = options().get(dotted)
        if option is None:
            section = dotted.partition(".")[0]
            valid = [option.name for option in options().values() if option.section == section]
            self._refuse(dotted, f"unknown key{hint(key, valid)}")
            return
        self._source.take(option, self._path, written(value), partial(self._value, option, value))

    def _read_roots(self, value: object) -> None:
        if not isinstance(value, list) or not all(isinstance(table, dict) for table in value):
            self._refuse(ROOTS, "must be a list of tables: write [[roots]] above each")
            return
        self._source.roots = []
        for number, table in enumerate(value):
            self._source.roots.append(self._root(f"{ROOTS}.{number}", table))

    def _root(self, key: str, table: dict[str, object]) -> GivenRoot:
        part = Source()
        for name, value in table.items():
            option = root_options().get(name)
            if option is None:
                self._refuse(f"{key}.{name}", f"unknown key{hint(name, root_options())}")
            else:
                part.take(option, self._path, written(value), partial(self._value, option, value))
        for problem in part.problems:
            self._source.problems.append(
                Problem(f"{key}.{problem.key}", problem.origin, problem.sentence, problem.value)
            )
        if "path" not in table:
            self._refuse(f"{key}.path", "is missing: every [[roots]] needs the folder that it serves")
        return part.values

    def _value(self, option: Option, value: object) -> object:
        checked = from_toml(option, value)
        if option.is_path and isinstance(checked, str):
            return located(checked, self._folder, self._home)
        return checked

    def _refuse(self, key: str, sentence: str) -> None:
        self._source.problems.append(Problem(key, self._path, sentence))
