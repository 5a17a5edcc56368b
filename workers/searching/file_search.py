"""The search through one open file: told as matching lines, as their count, or as the mere fact that there is one."""

import os
from collections.abc import Callable

import msgspec

from filewarden.workers.searching.first_look import BINARY_HEAD_BYTES
from filewarden.workers.searching.match_page import Form, Match, MatchPage
from filewarden.workers.text import decoding
from filewarden.workers.text.literals import Find, Span
from filewarden.workers.text.short_text import matching_lines
from filewarden.workers.text.snippets import snippet
from filewarden.workers.text.text_window import BEGINNING, Hit, LineSearch, Place, Wanted, Window, plain, wide

_CHECK_EVERY = 1024


class Progress(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """How far a file was searched on the pages before."""

    place: Place = BEGINNING
    stamp: int = 0
    """Tells whether the file has changed since; then its lines are counted anew."""
    told: int = 0
    """How many of its lines were told or counted."""
    seen: int = 0
    """The first line that was not told or passed before the search had to begin anew; 0: it had not to."""

    def is_sound(self) -> bool:
        """Whether it could be one of ours."""
        return min(self.place.offset, self.place.line, self.told, self.seen) >= 0


class Outcome(msgspec.Struct, frozen=True):
    """How the search of a file ended."""

    rest: Progress | None = None
    """Where the next page goes on, when this one ended in the file."""
    is_late: bool = False
    """Whether it ended there because the time was up, and not because the page was full."""
    is_binary: bool = False
    is_capped: bool = False
    """Whether it has more matching lines than are told of one file."""
    is_given_up: bool = False
    """Whether it could not be searched in the time of a whole call, and has no place to go on from."""


DONE = Outcome()
"""The whole file was searched."""


class FileSearch:
    """What all files of one call are searched for, and the page that their matches go to."""

    def __init__(
        self, window: Window, find: Find, page: MatchPage, around: tuple[int, int], is_overdue: Callable[[], bool]
    ) -> None:
        self._window = window
        self._all = (window.view[: window.capacity],)
        self._find = find
        self._page = page
        self._form = page.form
        tells = page.form is Form.MATCHES
        self._wanted = Wanted(*around) if tells else Wanted(is_counted=False)
        self._is_overdue = is_overdue
        self._is_bare = tells and around == (0, 0)
        """Whether lines are told, and none around them."""
        self._lines: LineSearch | None = None
        self._begun = 0

    @property
    def reached(self) -> int:
        """How many bytes of the file that is being searched, or was last, are behind."""
        return 0 if self._lines is None else self._lines.place.offset - self._begun

    def leave(self) -> None:
        """Forget the file that was searched last."""
        self._lines = None

    def run(self, fd: int, state: os.stat_result, path: str, most: int | None, before: Progress | None) -> Outcome:
        """Search an open file, which is called `path`, for at most `most` lines; raises OSError, UnicodeError."""
        here = os.readv(fd, self._all)
        head = self._window.view[: min(here, BINARY_HEAD_BYTES)].tobytes()
        encoding = decoding.settle("auto", head)
        if b"\0" in head and not encoding.allows_nul:
            return Outcome(is_binary=True)
        if before is None and self._is_short(here, state, encoding):
            return self._tell_short(here, path, most, state)
        at, begin = self._resumed(before, _stamp(state), encoding)
        if begin.offset or encoding.bom or encoding.is_wide:  # then it is another part that is searched
            here = 0
            os.lseek(fd, encoding.bom + max(0, begin.offset - 1), os.SEEK_SET)
        read = wide(fd, encoding.name) if encoding.is_wide else plain(fd)
        lines = LineSearch(self._window, self._find, read, self._wanted, self._is_overdue, begin, here)
        self._lines, self._begun = lines, begin.offset
        outcome = self._collect(lines, path, most, at)
        if encoding.is_wide and outcome.is_late and before is not None and not self._has_got_on(outcome, at):
            outcome = Outcome(is_given_up=True)
        return outcome

    def _has_got_on(self, outcome: Outcome, at: Progress) -> bool:
        """Whether the next page begins behind where this one began, though it has to read the file from its start."""
        return self._form is Form.MATCHES and outcome.rest is not None and outcome.rest.told > at.told

    def _is_short(self, here: int, state: os.stat_result, encoding: decoding.Encoding) -> bool:
        """Whether the file is in the window as a whole, and nothing but its matching lines is wanted."""
        return self._is_bare and here == state.st_size < self._window.capacity and not encoding.allows_nul

    def _resumed(self, before: Progress | None, stamp: int, encoding: decoding.Encoding) -> tuple[Progress, Place]:
        """Say what was done on the pages before, and where the search begins."""
        if before is None:
            return Progress(stamp=stamp), BEGINNING
        # Converted text has no offsets to go back to, and in a changed file they mean nothing.
        if not encoding.is_wide and before.stamp == stamp:
            return before, before.place
        if self._form is not Form.MATCHES:
            return Progress(stamp=stamp), BEGINNING
        seen = max(before.seen, before.place.line + before.place.is_told)
        return Progress(stamp=stamp, told=before.told, seen=seen), BEGINNING

    def _collect(self, lines: LineSearch, path: str, most: int | None, at: Progress) -> Outcome:
        if self._form is Form.MATCHES:
            return self._tell(lines, path, most, at)
        if self._form is Form.COUNTS:
            return self._count(lines, path, at)
        if next(lines.hits(), None) is None:
            return _ended(lines, at)
        return Outcome() if self._page.take(Match(path=path)) else Outcome(Progress(stamp=at.stamp))

    def _tell_short(self, size: int, path: str, most: int | None, state: os.stat_result) -> Outcome:
        """Tell the lines of a file that is in the window as a whole."""
        place, told = (0, 1), 0
        for line, begin, end, match in matching_lines(self._window.buffer, self._find, size):
            if told == most:
                return Outcome(is_capped=True)
            text = snippet(self._bytes((begin, end)), match - begin)
            if not self._page.take(Match(path=path, line=line, text=text)):
                return Outcome(Progress(Place(*place), _stamp(state), told))
            place, told = (end + 1, line + 1), told + 1
        return DONE

    def _tell(self, lines: LineSearch, path: str, most: int | None, at: Progress) -> Outcome:
        place, told = at.place, at.told
        for hit in lines.hits():
            if hit.line < at.seen:
                continue  # told on a page before; the file has changed since, or has no offsets
            if told == most:
                return Outcome(is_capped=True)
            if not self._page.take(self._match(path, hit)):
                return Outcome(Progress(place, at.stamp, told, at.seen))
            told += 1
            place = lines.place
        return _ended(lines, Progress(at.place, at.stamp, told, at.seen))

    def _count(self, lines: LineSearch, path: str, at: Progress) -> Outcome:
        told = at.told
        for _ in lines.hits():
            told += 1
            if told % _CHECK_EVERY == 0 and self._is_overdue():
                return Outcome(Progress(lines.place, at.stamp, told), is_late=True)
        if not lines.is_done:
            return Outcome(Progress(lines.place, at.stamp, told), is_late=True)
        if told == 0 or self._page.take(Match(path=path, count=told)):
            return Outcome()
        return Outcome(Progress(stamp=at.stamp))

    def _match(self, path: str, hit: Hit) -> Match:
        text = snippet(self._bytes(hit.text), hit.match[0] - hit.text[0])
        if not hit.before and not hit.after:
            return Match(path=path, line=hit.line, text=text)
        before = tuple(snippet(self._bytes(span)) for span in hit.before)
        after = tuple(snippet(self._bytes(span)) for span in hit.after)
        return Match(path=path, line=hit.line, text=text, before=before or msgspec.UNSET, after=after or msgspec.UNSET)

    def _bytes(self, span: Span) -> bytes:
        return self._window.view[span[0] : span[1]].tobytes()


def _stamp(state: os.stat_result) -> int:
    return hash((state.st_ino, state.st_mtime_ns, state.st_ctime_ns)) & 0x7FFFFFFF


def _ended(lines: LineSearch, at: Progress) -> Outcome:
    """Say that a file is done with, or that the time is up."""
    if lines.is_done:
        return Outcome()
    return Outcome(Progress(lines.place, at.stamp, at.told, at.seen), is_late=True)
