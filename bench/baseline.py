"""A plain server on the official Python SDK with our tools, as one would write it in an afternoon: for comparison only.

Runs where `mcp` 2.x is installed: `python baseline.py FOLDER [PORT]`, over HTTP where a port is named.
Its answers have the fields of ours (a test compares them), so that like is measured beside like. It checks paths by
their text and opens them later.
"""

import fnmatch
import logging
import os
import re
import stat
import sys
from collections.abc import Iterator
from typing import Any

from mcp.server import MCPServer

ROOT = os.path.realpath(sys.argv[1])
server = MCPServer("baseline")


def inside(path: str) -> str:
    """Give the absolute path of what lies below the folder."""
    real = os.path.realpath(os.path.join(ROOT, path))
    if os.path.commonpath([ROOT, real]) != ROOT:
        raise ValueError("Access denied")
    return real


def walk(path: str) -> Iterator[tuple[str, str]]:
    """Give every file below a folder with its path from the root."""
    for folder, folders, files in os.walk(inside(path)):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            whole = os.path.join(folder, name)
            yield whole, os.path.relpath(whole, ROOT)


def described(entry: os.DirEntry[str], above: str) -> dict[str, Any]:
    """Give an entry of a folder as it is listed."""
    state, is_folder = entry.stat(), entry.is_dir()
    return {
        "name": entry.name,
        "type": "directory" if is_folder else "file",
        "size": None if is_folder else state.st_size,
        "modified": int(state.st_mtime),
        "path": os.path.join(above, entry.name),
    }


@server.tool()
def list_directory(path: str = ".") -> dict[str, Any]:
    """List the entries of a folder."""
    found = sorted(os.scandir(inside(path)), key=lambda entry: (not entry.is_dir(), entry.name.lower()))
    above = "" if path == "." else path
    entries = [described(entry, above) for entry in found]
    return {"path": path, "total": len(entries), "entries": entries, "truncated": False}


@server.tool(structured_output=False)
def read_file(path: str) -> str:
    """Read a text file."""
    with open(inside(path), encoding="utf-8") as file:
        return file.read()


@server.tool()
def get_file_info(path: str) -> dict[str, Any]:
    """Tell what is known of a file."""
    whole = inside(path)
    state = os.stat(whole)
    is_folder = stat.S_ISDIR(state.st_mode)
    return {
        "name": os.path.basename(whole),
        "path": path,
        "type": "directory" if is_folder else "file",
        "size": None if is_folder else state.st_size,
        "modified": int(state.st_mtime),
        "created": int(state.st_ctime),
        "extension": None if is_folder else os.path.splitext(whole)[1].lower(),
        "readable": os.access(whole, os.R_OK),
        "writable": False,
        "mode": f"{stat.S_IMODE(state.st_mode):04o}",
        "links": state.st_nlink,
    }


@server.tool()
def search_files(pattern: str, path: str = ".", max_results: int = 200) -> dict[str, Any]:
    """Find files by name, in all folders below."""
    matches = []
    for whole, name in walk(path):
        if fnmatch.fnmatch(os.path.basename(name), pattern):
            state = os.stat(whole)
            item = {"path": name, "name": os.path.basename(name), "size": state.st_size}
            matches.append({**item, "modified": int(state.st_mtime)})
    found = matches[:max_results]
    return {"pattern": pattern, "total": len(found), "truncated": len(matches) > len(found), "matches": found}


@server.tool()
def search_text(pattern: str, path: str = ".", regex: bool = False, max_results: int = 1000) -> dict[str, Any]:
    """Find lines by their content, in all files below."""
    expression = re.compile(pattern if regex else re.escape(pattern))
    matches: list[dict[str, Any]] = []
    searched = 0
    for whole, name in walk(path):
        try:
            with open(whole, encoding="utf-8") as file:
                searched += 1
                for number, line in enumerate(file, 1):
                    if expression.search(line):
                        matches.append({"path": name, "line": number, "text": line.rstrip("\n")})
        except UnicodeDecodeError:
            continue
        if len(matches) >= max_results:
            break
    found = matches[:max_results]
    is_cut = len(matches) >= max_results
    return {
        "pattern": pattern,
        "total": len(found),
        "truncated": is_cut,
        "matches": found,
        "files_searched": searched,
    }


if __name__ == "__main__":
    if len(sys.argv) > 2:
        logging.disable(logging.INFO)  # a line for every request would be measured, too
        server.run("streamable-http", port=int(sys.argv[2]))
    else:
        server.run("stdio")
