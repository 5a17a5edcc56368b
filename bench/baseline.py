"""A plain server on the official Python SDK with our tools, as one would write it in an afternoon: for comparison only.

Runs where `mcp` 2.x is installed: `python baseline.py FOLDER [PORT]`, over HTTP where a port is named.
It checks paths by their text and opens them later.
"""

import fnmatch
import json
import logging
import os
import re
import sys
from collections.abc import Iterator

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
    """Give every file below a folder with its path from there."""
    top = inside(path)
    for folder, folders, files in os.walk(top):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            whole = os.path.join(folder, name)
            yield whole, os.path.relpath(whole, top)


@server.tool()
def list_directory(path: str = ".") -> str:
    """List the entries of a folder."""
    entries = [
        {"name": entry.name, "type": "directory" if entry.is_dir() else "file", "size": entry.stat().st_size}
        for entry in sorted(os.scandir(inside(path)), key=lambda entry: entry.name)
    ]
    return json.dumps({"path": path, "entries": entries})


@server.tool()
def read_file(path: str) -> str:
    """Read a text file."""
    with open(inside(path), encoding="utf-8") as file:
        return file.read()


@server.tool()
def get_file_info(path: str) -> str:
    """Tell size and times of a file."""
    state = os.stat(inside(path))
    return json.dumps({"path": path, "size": state.st_size, "modified": int(state.st_mtime)})


@server.tool()
def search_files(pattern: str, path: str = ".", max_results: int = 200) -> str:
    """Find files by name, in all folders below."""
    found = [name for _, name in walk(path) if fnmatch.fnmatch(os.path.basename(name), pattern)]
    return json.dumps({"matches": found[:max_results]})


@server.tool()
def search_text(pattern: str, path: str = ".", regex: bool = False, max_results: int = 1000) -> str:
    """Find lines by their content, in all files below."""
    expression = re.compile(pattern if regex else re.escape(pattern))
    matches = []
    for whole, name in walk(path):
        try:
            with open(whole, encoding="utf-8") as file:
                for number, line in enumerate(file, 1):
                    if expression.search(line):
                        matches.append({"path": name, "line": number, "text": line.rstrip("\n")})
                        if len(matches) == max_results:
                            return json.dumps({"matches": matches})
        except UnicodeDecodeError:
            continue
    return json.dumps({"matches": matches})


if __name__ == "__main__":
    if len(sys.argv) > 2:
        logging.disable(logging.INFO)  # a line for every request would be measured, too
        server.run("streamable-http", port=int(sys.argv[2]))
    else:
        server.run("stdio")
