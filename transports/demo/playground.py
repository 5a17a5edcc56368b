"""The folder that the isolation act plays in: a small file, a pipe without a writer, long names, a costly tree."""

import os

SMALL_FILE = "small.txt"
SMALL_BYTES = 1024
PIPE = "pipe"
NAMES_FOLDER = "names"
TREE_FOLDER = "tree"
TREE_PATTERN = "report-*"
RULES = 1000
BOMB_PATTERN = "*a" * 14 + "*b"


def build_playground(place: str, *, folders: int, files: int) -> int:
    """Fill `place`; how many files and folders the big tree has.

    A `.gitignore` hides every file of the tree, and says so in the last rule that is looked at: a search for
    TREE_PATTERN has to try all rules on all names and finds nothing, which keeps a worker busy for seconds.
    Everything is readable for all: a server started as root gives its rights away before it reads.
    """
    os.chmod(place, 0o755)  # noqa: S103 - nothing private is in it
    seed = os.path.join(place, SMALL_FILE)
    _write(seed, ("The quick brown fox jumps over the lazy dog.\n" * 24)[:SMALL_BYTES])
    os.mkfifo(os.path.join(place, PIPE))
    os.chmod(os.path.join(place, PIPE), 0o644)
    _fill(_folder(place, NAMES_FOLDER), ["a" * 200 + f"{number:03}" for number in range(200)], seed)
    tree = _folder(place, TREE_FOLDER)
    _write(os.path.join(tree, ".gitignore"), TREE_PATTERN + "\n" + "".join(f"build-{n:04}-*.o\n" for n in range(RULES)))
    names = [f"report-{number:04}.txt" for number in range(files)]
    for number in range(folders):
        _fill(_folder(tree, f"department-{number:03}"), names, seed)
    return folders * (files + 1)


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    os.chmod(path, 0o644)


def _folder(parent: str, name: str) -> str:
    path = os.path.join(parent, name)
    os.mkdir(path)
    os.chmod(path, 0o755)  # noqa: S103 - nothing private is in it
    return path


def _fill(folder: str, names: list[str], seed: str) -> None:
    """Give `folder` entries of these names, all of them links to `seed`: that is much faster than making files."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for name in names:
            os.link(seed, name, dst_dir_fd=handle)
    finally:
        os.close(handle)
