"""What is told of the entries of one folder that follow each other, until an answer is full.

A page has hundreds of entries, and nearly all are files and folders of which no rule says anything. So many are looked
at together, and worked on and passed on column by column, which takes half the time of one after the other. What is not
plain is then examined by itself: links, special files, what may be closed, and all of it where rules judge names.
"""

import os
from collections.abc import Sequence
from operator import itemgetter

import msgspec

from filewarden.workers.paths.handle import FORMAT, PLAIN, Handle
from filewarden.workers.paths.names import show_all
from filewarden.workers.paths.space import Space
from filewarden.workers.paths.statx import MOST_AT_ONCE, Columns, look_at_all
from filewarden.workers.searching.budget import Budget, json_chars
from filewarden.workers.searching.folder_order import shown_size
from filewarden.workers.searching.kept_orders import Key

_FIRST_AT_ONCE = 64
"""As many as tell how long entries are here."""
_MANY = 8
"""From here on it pays to look at all together."""
_RATHER_MORE = 2
"""So that the page ends with the entries that were expected to fill it, and not with a few more of them."""
_name_of = itemgetter(2)
_NUMBERS_CHARS = 64
"""More than type, size and time can have."""
_CLOSED, _UNSEEN = "", "?"
"""No types: of what is left out."""
_LEFT_OUT = frozenset((_CLOSED, _UNSEEN))


class Rows(msgspec.Struct):
    """Entries, column by column: shown names, types, sizes in bytes, and times of change in whole seconds."""

    names: list[str] = []
    kinds: list[str] = []
    sizes: list[int | None] = []
    modified: list[int] = []

    def add(self, others: "Rows", begin: int, end: int) -> None:
        """Take over some."""
        self.names += others.names[begin:end]
        self.kinds += others.kinds[begin:end]
        self.sizes += others.sizes[begin:end]
        self.modified += others.modified[begin:end]

    def put(self, places: list[int], others: "Rows") -> None:
        """Let others stand at these places."""
        for at, place in enumerate(places):
            self.names[place], self.kinds[place] = others.names[at], others.kinds[at]
            self.sizes[place], self.modified[place] = others.sizes[at], others.modified[at]

    def chars(self, begin: int, end: int) -> int:
        """Of their values in JSON, the names counted twice, for they end the paths too."""
        count = end - begin
        names = json_chars("/".join(self.names[begin:end])) - 1
        numbers = json_chars(self.sizes[begin:end]) + json_chars(self.modified[begin:end]) - 2
        return 2 * (names - count) + sum(map(len, self.kinds[begin:end])) + numbers - 2 * count


class FolderPage:
    """The entries shown. `above` stands before names in paths, `bare_chars` is an entry in JSON without its values."""

    def __init__(self, space: Space, folder: Handle, above: str, bare_chars: int) -> None:
        self._space = space
        self._folder = folder
        self._bare_chars = bare_chars + json_chars(above) - len('""') + len(",")
        self.shown = Rows()
        self.skipped = 0
        """How many could not be examined."""

    def fill(self, keys: Sequence[Key], begin: int, end: int, budget: Budget) -> int:
        """Show entries in this order until the budget is spent; where those begin that are not done with.

        What is gone, closed, or cannot be examined is left out.
        """
        most, end = _FIRST_AT_ONCE, min(end, len(keys))
        while names := list(map(_name_of, keys[begin : min(end, begin + most)])):
            count = self._show_some(names, budget, are_last=begin + len(names) == end)
            begin += count
            if count < len(names):
                break
            most = min(MOST_AT_ONCE, budget.room_after(len(self.shown.names)) + _RATHER_MORE)
        return begin

    def _show_some(self, names: list[bytes], budget: Budget, *, are_last: bool) -> int:
        """Show those that fit; how many names are done with."""
        rows = self._look_at(names)
        if not _LEFT_OUT.isdisjoint(rows.kinds):
            return self._show_each(rows, budget)
        count = len(names)
        if not (are_last and count * (self._bare_chars + _most_chars(max(map(len, names)))) < budget.left):
            count = budget.take_some(count, lambda begin, end: self._chars(rows, begin, end))
        if self.shown.names or count < len(names):
            self.shown.add(rows, 0, count)
        else:
            self.shown = rows
        return count

    def _show_each(self, rows: Rows, budget: Budget) -> int:
        """Likewise, where some are left out."""
        for place, kind in enumerate(rows.kinds):
            if kind == _UNSEEN:
                self.skipped += 1
            elif kind != _CLOSED:
                if not budget.take_chars(self._chars(rows, place, place + 1)):
                    return place
                self.shown.add(rows, place, place + 1)
        return len(rows.kinds)

    def _chars(self, rows: Rows, begin: int, end: int) -> int:
        return (end - begin) * self._bare_chars + rows.chars(begin, end)

    def _look_at(self, names: list[bytes]) -> Rows:
        """What these names stand for, and why some of them are left out."""
        is_worth_it = len(names) >= _MANY and not self._space.judges_names
        told = look_at_all(self._folder.fd, names) if is_worth_it else None
        if told is None:
            return self._examine(names)
        kinds = {mode: PLAIN.get(mode & FORMAT, _CLOSED) for mode in set(told.modes)}
        rows = Rows(show_all(names), list(map(kinds.__getitem__, told.modes)), _sizes(told, kinds), told.modified)
        odd = self._not_plain(told, kinds)
        if odd:
            rows.put(odd, self._examine([names[place] for place in odd]))
        return rows

    def _not_plain(self, told: Columns, kinds: dict[int, str]) -> list[int]:
        """The places of those that take a closer look."""
        places: list[int] = []
        if _CLOSED in kinds.values():
            places += [place for place, mode in enumerate(told.modes) if kinds[mode] == _CLOSED]
        closed = self._space.denied_inodes
        if not closed.isdisjoint(told.inodes):
            places += [place for place, inode in enumerate(told.inodes) if inode in closed]
        return places

    def _examine(self, names: list[bytes]) -> Rows:
        """Likewise, one by one. In one loop, for it takes most of the time of a short list."""
        space, folder, fd, look = self._space, self._folder, self._folder.fd, os.lstat
        looks_closely, denied_inodes = space.judges_names, space.denied_inodes
        kinds: list[str] = []
        sizes: list[int | None] = []
        modified: list[int] = []
        for name in names:
            size: int | None = None
            when = 0
            try:
                state = look(name, dir_fd=fd)
                kind = PLAIN.get(state.st_mode & FORMAT)
                if kind is None or looks_closely or state.st_ino in denied_inodes:
                    entry = space.entry(folder, name, state)
                    kind, state = (_CLOSED, state) if entry is None else (entry.kind, entry.stat)
                when = state.st_mtime_ns // 1_000_000_000
                size = state.st_size if kind == "file" else shown_size(kind, state.st_size)
            except OSError:
                kind = _UNSEEN
            kinds.append(kind)
            sizes.append(size)
            modified.append(when)
        return Rows(show_all(names), kinds, sizes, modified)


def _most_chars(name_bytes: int) -> int:
    """How long the values of an entry can be as JSON, its name twice: an escape is four characters, and five there."""
    return 2 * 5 * name_bytes + _NUMBERS_CHARS


def _sizes(told: Columns, kinds: dict[int, str]) -> list[int | None]:
    if "directory" not in kinds.values():
        return [*told.sizes]
    return [None if kinds[mode] == "directory" else size for mode, size in zip(told.modes, told.sizes, strict=True)]
