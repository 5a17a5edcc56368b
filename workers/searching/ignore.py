"""Which names `.gitignore` files hide from a walk: the files from a root down to a folder, the last match deciding."""

import os
import re
import stat
from collections.abc import Callable, Iterable

from filewarden.workers.paths.resolution import READ, Names
from filewarden.workers.searching.gitignore import Rule, parse_line

FILE_NAME = b".gitignore"
MAX_FILE_BYTES = 1048576
MAX_RULES = 5000
MAX_LINE_BYTES = 1024


class Rules:
    """The rules of one file. Most names match none, which one look at a set, a suffix and an expression tells."""

    def __init__(self, rules: list[Rule]) -> None:
        self._literals = frozenset(rule.literal for rule in rules if rule.literal is not None)
        self._suffixes = tuple({rule.suffix for rule in rules if rule.suffix is not None})
        self._names = _any(r for r in rules if not r.is_path and r.literal is None and r.suffix is None)
        self._paths = _any(r for r in rules if r.is_path)
        self._rules = [(re.compile(rule.expression), rule) for rule in reversed(rules)]

    def spoken_of(self, names: list[bytes], prefix: bytes) -> list[bytes]:
        """Leave only names that an expression fits; `prefix` is what stands before them, from the file's folder on."""
        literals, suffixes = self._literals, self._suffixes
        by_name = _nothing if self._names is None else self._names.fullmatch
        by_path = _nothing if self._paths is None else self._paths.fullmatch
        return [
            name
            for name in names
            if name in literals or name.endswith(suffixes) or by_name(name) or by_path(prefix + name)
        ]

    def judge(self, name: bytes, path: bytes, *, is_folder: bool) -> bool | None:
        """Whether the name is ignored; None when no rule speaks of it. `path` is relative to the file's folder."""
        for expression, rule in self._rules:
            if (is_folder or not rule.is_folders_only) and expression.fullmatch(path if rule.is_path else name):
                return not rule.is_negated
        return None


class Ignore:
    """The files that hold in one folder: its own and those of the folders above it."""

    def __init__(self, above: "Ignore | None", folder: bytes, rules: Rules | None) -> None:
        """`folder` is the path of the folder relative to the root, without a slash at its end; empty for the root."""
        chain = above.chain if above else ()
        self.chain: tuple[tuple[int, Rules], ...] = chain
        if rules is not None:
            self.chain = ((len(folder) + 1 if folder else 0, rules), *chain)

    def keep(self, folder: Names, names: list[bytes], *, is_folder: bool) -> list[bytes]:
        """Leave out those of the names in `folder` (relative to the root) that are ignored. `.git` always is."""
        if not self.chain:
            return [name for name in names if name != b".git"] if b".git" in names else names
        hidden = {b".git"}
        undecided = names
        prefix = b"".join(name + b"/" for name in folder)
        for cut, rules in self.chain:
            verdicts = {
                name: rules.judge(name, (prefix + name)[cut:], is_folder=is_folder)
                for name in rules.spoken_of(undecided, prefix[cut:])
            }
            decided = {name for name, verdict in verdicts.items() if verdict is not None}
            if decided:
                hidden.update(name for name in decided if verdicts[name])
                undecided = [name for name in undecided if name not in decided]
        return [name for name in names if name not in hidden]


def read_rules(folder_fd: int, is_closed: Callable[[os.stat_result], bool]) -> Rules | None:
    """Read the `.gitignore` of an open folder; None if there is none that counts: links, pipes, closed ones do not."""
    try:
        fd = os.open(FILE_NAME, READ | os.O_NOFOLLOW, dir_fd=folder_fd)
    except OSError:
        return None
    try:
        state = os.fstat(fd)
        if not stat.S_ISREG(state.st_mode) or is_closed(state):
            return None
        return parse(_read(fd))
    except OSError:
        return None
    finally:
        os.close(fd)


def parse(text: bytes) -> Rules | None:
    """Make rules of a file's text, as many as we take from one file; None if there is not one."""
    rules: list[Rule] = []
    for line in text.removeprefix(b"\xef\xbb\xbf").split(b"\n"):
        rule = parse_line(line) if 0 < len(line) <= MAX_LINE_BYTES else None
        if rule is not None:
            rules.append(rule)
            if len(rules) == MAX_RULES:
                break
    return Rules(rules) if rules else None


def _read(fd: int) -> bytes:
    data = bytearray()
    while len(data) <= MAX_FILE_BYTES and (block := os.read(fd, 65536)):
        data += block
    if len(data) > MAX_FILE_BYTES:
        del data[data.rfind(b"\n", 0, MAX_FILE_BYTES) + 1 :]
    return bytes(data)


def _any(rules: Iterable[Rule]) -> re.Pattern[bytes] | None:
    expression = b"|".join(rule.expression for rule in rules)
    return re.compile(expression) if expression else None


def _nothing(_text: bytes) -> None:
    """Match no text."""
