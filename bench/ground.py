"""The folder that is served under measurement: files, folders of ten and of thousands, and a tree to get lost in."""

import contextlib
import os
import shutil
import tempfile

SMALL_FILE = "small.txt"
SMALL_BYTES = 1024
BIG_FILE = "big.txt"
BIG_BYTES = 900_000
NEW_FILES = 11
"""As long as that, none with a part that is like one of another."""
TEN_FOLDER = "ten"
LONG_FOLDER = "long"
LONG_ENTRIES = 5000
GLOB_FOLDER = "hundred"
GLOB_ENTRIES = 100
TREE_FOLDER = "tree"
FILES_PER_FOLDER = 1000
MISSING_PATTERN = "**/*.never"


def temporary(stack: contextlib.ExitStack) -> str:
    """A folder that is removed when the stack is left."""
    place = tempfile.mkdtemp(prefix="fw-bench-")
    stack.callback(shutil.rmtree, place, ignore_errors=True)
    return place


def build_ground(place: str, tree_entries: int) -> None:
    """Fill `place`, readable for all: a server that was started as root gives its rights away before it reads."""
    os.chmod(place, 0o755)  # noqa: S103 - nothing private is in it
    _write(os.path.join(place, SMALL_FILE), SMALL_BYTES)
    for number in range(10):
        _write(os.path.join(_folder(place, TEN_FOLDER), f"file-{number}.txt"), SMALL_BYTES)
    _write(os.path.join(place, BIG_FILE), BIG_BYTES)
    for number in range(NEW_FILES):
        _write(os.path.join(place, new_file(number)), BIG_BYTES, f"The quick brown fox jumps over {number:04} dogs.\n")
    _fill(_folder(place, LONG_FOLDER), LONG_ENTRIES)
    _fill(_folder(place, GLOB_FOLDER), GLOB_ENTRIES)
    tree = _folder(place, TREE_FOLDER)
    for number in range(max(1, tree_entries // FILES_PER_FOLDER)):
        _fill(_folder(tree, f"folder-{number:04}"), min(FILES_PER_FOLDER, tree_entries))


def new_file(number: int) -> str:
    """The path of one of the NEW_FILES."""
    return f"new-{number}.txt"


def _fill(folder: str, files: int) -> None:
    # Links to one file a folder: ten times faster than files, and the same work for whoever walks.
    seed = os.path.join(folder, "file-0000.txt")
    _write(seed, 1)
    for number in range(1, files):
        os.link(seed, os.path.join(folder, f"file-{number:04}.txt"))


def _folder(parent: str, name: str) -> str:
    path = os.path.join(parent, name)
    os.makedirs(path, exist_ok=True)
    os.chmod(path, 0o755)  # noqa: S103 - nothing private is in it
    return path


def _write(path: str, size: int, line: str = "The quick brown fox jumps over the lazy dog.\n") -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write((line * (size // len(line) + 1))[:size])
    os.chmod(path, 0o644)
