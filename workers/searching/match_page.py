"""One page of matching lines, in the fullest form that fits an answer: texts, else line numbers, else counts."""

from enum import StrEnum

import msgspec

from filewarden.workers.searching.budget import Budget

_NOTES = {
    "locations": "Too many matches to show their lines: each entry is a file with the numbers of its matching lines. "
    "To see lines, narrow the search (path, glob, a longer pattern) or lower max_results.",
    "counts": "Too many matches to show where they are: each entry is a file with the count of its matching lines on "
    "this page. To see lines, narrow the search (path, glob, a longer pattern) or lower max_results.",
}


class Form(StrEnum):
    """What an entry of a page tells."""

    MATCHES = "matches"
    LOCATIONS = "locations"
    COUNTS = "counts"
    FILES = "files"


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """One matching line with its text; or one file with the numbers of its lines, their count, or nothing else."""

    path: str
    line: int | msgspec.UnsetType = msgspec.UNSET
    text: str | msgspec.UnsetType = msgspec.UNSET
    before: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    after: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    lines: tuple[int, ...] | msgspec.UnsetType = msgspec.UNSET
    count: int | msgspec.UnsetType = msgspec.UNSET


class MatchPage:
    """Collects matches until the page is full. A first one always fits, so that every page makes progress."""

    def __init__(self, form: Form, most: int, max_answer_chars: int) -> None:
        """`most` is of lines, or of files where a file is an entry from the start."""
        self.form = self._asked = form
        self._most = most
        self._max_answer_chars = max_answer_chars
        self._taken: list[Match] = []
        self._budget = Budget(max_answer_chars)
        self._last_path = ""

    def take(self, match: Match) -> bool:
        """Whether it is on the page; else the page is full."""
        if len(self._taken) == self._most:
            return False
        while not self._pay(match):
            if self.form is Form.MATCHES:
                self._shrink(Form.LOCATIONS)
            elif self.form is Form.LOCATIONS:
                self._shrink(Form.COUNTS)
            else:
                return False
        self._taken.append(match)
        self._last_path = match.path
        return True

    def entries(self) -> list[Match]:
        """The page."""
        if self.form is Form.LOCATIONS:
            return [Match(path=path, lines=tuple(lines)) for path, lines in self._by_file()]
        if self.form is Form.COUNTS and self._asked is Form.MATCHES:
            return [Match(path=path, count=len(lines)) for path, lines in self._by_file()]
        return self._taken

    @property
    def shrunk(self) -> str | None:
        """A sentence on what was left out to make the page fit."""
        return _NOTES[self.form] if self.form is not self._asked else None

    def _pay(self, match: Match) -> bool:
        if match.line is msgspec.UNSET or self.form is Form.MATCHES:
            return self._budget.take(match)
        if match.path != self._last_path:
            return self._budget.take(Match(path=match.path, lines=(match.line,), count=self._most))
        return self.form is Form.COUNTS or self._budget.take_chars(len(str(match.line)) + 1)

    def _shrink(self, form: Form) -> None:
        """Begin anew with less of each match; what was taken fits then, as all of it fitted before."""
        self.form = form
        self._budget = Budget(self._max_answer_chars)
        taken, self._taken, self._last_path = self._taken, [], ""
        for match in taken:
            self._pay(match)
            self._taken.append(match)
            self._last_path = match.path

    def _by_file(self) -> list[tuple[str, list[int]]]:
        files: list[tuple[str, list[int]]] = []
        for match in self._taken:
            if isinstance(match.line, int):
                if not files or files[-1][0] != match.path:
                    files.append((match.path, []))
                files[-1][1].append(match.line)
        return files
