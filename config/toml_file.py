"""The TOML file as a source. It says where the file is wrong and never repeats the text of a file it cannot parse."""

import errno
import os
import stat

from filewarden.config.errors import Problem, printable
from filewarden.config.sources import Source
from filewarden.config.toml_tables import TableReader

MAX_FILE_BYTES = 1048576
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
QUOTES = """ (text stands in quotes, as in path = "/srv/data"; a switch is true or false)"""


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
    reader = TableReader(source, path, home)
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
    advice = QUOTES if reason == "Invalid value" else ""
    return (f" at {place}" if reason else "") + (f": {reason}{advice}" if known else "")
