"""The floor: a bare server of one loop and one process, without checks, limits or sandbox, on the standard library.

`python floor.py FOLDER` does for each request the least that must be done: read a line, open, stat or list, write a
line. Little that answers correctly in this language is faster, so ratios to it tell on any machine if we got slower.
"""

import fnmatch
import json
import os
import sys
from collections.abc import Iterator


def names(folder: str, pattern: str) -> Iterator[str]:
    """Every file below whose name fits."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from names(entry.path, pattern)
            elif fnmatch.fnmatchcase(entry.name, pattern):
                yield entry.path


def answer(root: str, tool: str, arguments: dict[str, str]) -> str:
    """The text of one call."""
    path = os.path.join(root, arguments["path"])
    if tool == "read_file":
        with open(path, encoding="utf-8") as file:
            return file.read()
    if tool == "get_file_info":
        state = os.stat(path)
        return json.dumps({"size": state.st_size, "modified": state.st_mtime})
    if tool == "list_directory":
        with os.scandir(path) as entries:
            return json.dumps(sorted((entry.name, entry.stat().st_size) for entry in entries))
    return json.dumps(list(names(path, arguments["pattern"].rpartition("/")[2])))


def main() -> None:
    """Answer until the input ends."""
    root = sys.argv[1]
    for line in sys.stdin.buffer:
        request = json.loads(line)
        if "id" not in request:
            continue
        result: dict[str, object] = {}
        if request["method"] == "initialize":
            result = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}}
            result["serverInfo"] = {"name": "floor", "version": "1"}
        elif request["method"] == "tools/call":
            params = request["params"]
            text = answer(root, params["name"], params["arguments"])
            result = {"content": [{"type": "text", "text": text}]}
        message = {"jsonrpc": "2.0", "id": request["id"], "result": result}
        sys.stdout.buffer.write(json.dumps(message).encode() + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
