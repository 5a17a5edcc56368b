"""A plugin: SQL questions to SQLite databases beneath the roots, read-only, with limits of rows and time.

    [tools]
    plugins = ["/path/to/sqlite_query.py"]

SQLite opens no file here: the database is read as any file is, so that what is denied stays denied, and is questioned
in memory. What is only in a write-ahead log (`-wal`) is not seen.
"""

import sqlite3
from typing import Annotated

from msgspec import Meta, Struct

from filewarden.workers.plugins.api import Call, Code, ToolFailure, tool

MOST_BYTES = 64 * 1024 * 1024
"""Of a database; a worker has 256 MiB of memory unless told otherwise."""
STEPS_BETWEEN_CHECKS = 10_000
MOST_CELL_CHARS = 2_000
HEADER = b"SQLite format 3\x00"
WRITE_VERSION = slice(18, 20)
"""Of the header (https://sqlite.org/fileformat.html): 2 stands for a write-ahead log; in memory there is none."""

Cell = str | int | float | None


class Rows(Struct, frozen=True):
    """The answer; `truncated` when there are more rows than asked for, or some text was cut."""

    columns: list[str]
    rows: list[list[Cell]]
    truncated: bool


@tool(lane="scan", title="Question a SQLite database")
def sqlite_query(
    call: Call,
    path: Annotated[str, Meta(description="The database file.")],
    query: Annotated[str, Meta(description="One SELECT; `SELECT sql FROM sqlite_schema` shows the tables.")],
    parameters: Annotated[list[Cell], Meta(description="Values for `?` in the query.")] = [],  # noqa: B006  never changed
    max_rows: Annotated[int, Meta(ge=1, le=1000)] = 100,
) -> Rows:
    """Run a SELECT on a SQLite database. Nothing can be changed; long queries end at the deadline."""
    connection = _opened(call, path)
    try:
        connection.set_progress_handler(call.is_overdue, STEPS_BETWEEN_CHECKS)
        cursor = connection.execute(query, parameters)
        found = cursor.fetchmany(max_rows + 1)
        columns = [str(column[0]) for column in cursor.description or ()]
    except sqlite3.OperationalError as error:
        if call.is_overdue():
            raise ToolFailure(Code.TIMEOUT, "The query took too long and was ended.") from None
        raise ToolFailure(Code.INVALID_ARGUMENT, f"SQLite says: {error}.") from None
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise ToolFailure(Code.INVALID_ARGUMENT, f"SQLite says: {error}.") from None
    finally:
        connection.close()
    shown = [[_cell(value) for value in row] for row in found[:max_rows]]
    is_cut = any(
        cell != value for row, full in zip(shown, found, strict=False) for cell, value in zip(row, full, strict=True)
    )
    return Rows(columns, shown, truncated=len(found) > max_rows or is_cut)


def _opened(call: Call, path: str) -> sqlite3.Connection:
    content = bytearray(call.files.read(path, MOST_BYTES))
    if not content.startswith(HEADER):
        raise ToolFailure(Code.UNSUPPORTED, "That is no SQLite database.")
    content[WRITE_VERSION] = b"\x01\x01"
    connection = sqlite3.connect(":memory:")
    connection.deserialize(bytes(content))
    connection.execute("PRAGMA query_only = 1")
    connection.execute("PRAGMA trusted_schema = 0")
    connection.set_authorizer(_allows)
    return connection


def _allows(action: int, first: str | None, *_: object) -> int:
    """Reading alone: no ATTACH, no PRAGMA, no extension, no change."""
    reading = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE)
    if action in reading or (action == sqlite3.SQLITE_FUNCTION and first != "load_extension"):
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


def _cell(value: object) -> Cell:
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    if isinstance(value, str):
        return value[:MOST_CELL_CHARS]
    return value if isinstance(value, int | float) else None
