"""What a content search looks for: a client's literal or regular expression, found line by line in a shared buffer.

Regular expressions run in RE2, whose time grows with the text and not with the pattern's cleverness. A plain literal is
looked for by the C library, ten times as fast and more; what every match of an expression holds too, and the words of a
word search, before RE2 judges their line.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from re2 import Options, _re2

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.paths.names import echo
from filewarden.workers.text.expressions import TOKEN, required_texts
from filewarden.workers.text.literals import Find, Span, literal_find

MAX_PATTERN_CHARS = 4096
MAX_PROGRAM = 50_000
"""Steps of a compiled expression: without a table that fits its memory RE2 takes them all for each byte."""
MAX_COMPILED_BYTES = 4 * 1024 * 1024
LEAST_BYTES = 2
"""What a match is known to hold has to be as long to be looked for: shorter ones are nearly everywhere."""
MOST_LITERALS = 4
"""So many of an expression's alternatives are looked for one after the other."""
NEAR_BYTES, TIMES_FARTHER = 256, 8
"""So far all of them are looked for first, and then so many times as far each time: one that is nowhere would else be
looked for through the whole text for each line that holds another."""
MOST_IN_VAIN = 4
"""So many lines are looked at for nothing before an expression is left to find its way alone: each costs a call."""

_FLAGS = "(?m)"
_NO_WORD = r"[^\pL\pN\pM_]"
_NOTHING = (-1, -1)
_UNSUPPORTED = {
    "(?=": "look-ahead",
    "(?!": "negative look-ahead",
    "(?<=": "look-behind",
    "(?<!": "negative look-behind",
    "(?<": "look-behind",
    "(?>": "an atomic group",
    "(?P=": "a back-reference",
    "(?P>": "recursion",
    "(?R": "recursion",
    "(?&": "recursion",
    "(?C": "a callout",
    "(?(": "a condition",
    "(?|": "a branch reset",
    "(?#": "a comment",
    "(?x": "the flag x",
}
_BACK_REFERENCE = re.compile(r"\\[1-9gk]")
_RETURN = re.compile(r"\r|\\(?:r|x0[dD]|x\{0*[dD]\}|0?15)")
"""What asks for a carriage return itself."""
_CARRIAGE_RETURN, _LINE_FEED = 13, 10


class Found(NamedTuple):
    """Ways to look into one buffer."""

    may_hold: Find
    """Never misses a match and may report one where there is none: the quick first look."""
    may_hold_in_text: Find
    """Likewise, where there is no NUL byte: quicker still."""
    find: Find


class Pattern:
    """One compiled pattern; raises ToolFailure(invalid_argument) that names what is wrong with it."""

    def __init__(self, text: str, *, regex: bool = False, ignore_case: bool = False, word: bool = False) -> None:
        _check_encodable(text)
        if not regex and ("\n" in text or "\r" in text):
            raise _invalid(text, "holds a line break; lines are searched one by one, so search for one of its lines")
        self._expression: _re2.RE2 | None = None
        self._asks_for_returns = regex and _RETURN.search(text) is not None
        if regex:
            _compile(text, text, ignore_case=ignore_case)  # by itself, so that an error tells of nothing else
        texts = () if ignore_case else required_texts(text) if regex else (text,)
        self._literals = tuple(each.encode() for each in texts)
        """What every match has one of in it, as far as that is known."""
        if word:
            inner = _one_line(text) if regex else re.escape(text)
            around = f"(?:^|{_NO_WORD})(?:{inner})(?:$|{_NO_WORD})"
            self._expression = _compile(text, around, ignore_case=ignore_case)
        elif regex or ignore_case:
            self._expression = _compile(text, _one_line(text) if regex else re.escape(text), ignore_case=ignore_case)

    def over(self, buffer: bytearray) -> Found:
        """Bind the pattern to a buffer, whose size must not change from now on."""
        anywhere = _first_of(buffer, [literal_find(buffer, each) for each in self._literals])
        in_text = _first_of(buffer, [literal_find(buffer, each, is_free_of_nul=True) for each in self._literals])
        if self._expression is None:
            return Found(anywhere, in_text, anywhere)
        expression = _expression_find(buffer, self._expression)
        exact = expression if self._asks_for_returns else _line_find(buffer, expression)
        if not 0 < len(self._literals) <= MOST_LITERALS or min(map(len, self._literals)) < LEAST_BYTES:
            return Found(expression, expression, exact)
        quick, quick_in_text = (_guided_find(buffer, look, expression) for look in (anywhere, in_text))
        return Found(quick, quick_in_text, _guided_find(buffer, anywhere, exact))


def _check_encodable(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _invalid(text, "holds half a surrogate pair") from None


def _expression_find(buffer: bytearray, expression: _re2.RE2) -> Find:
    match, unanchored = expression.Match, type(expression).Anchor.UNANCHORED

    def find(begin: int, end: int) -> Span | None:
        span: Span = match(unanchored, buffer, begin, end)[0]
        return None if span == _NOTHING else span

    return find


def _first_of(buffer: bytearray, looks: Sequence[Find]) -> Find:
    """Find whatever comes first."""
    if len(looks) == 1:
        return looks[0]

    def find_first(begin: int, end: int) -> Span | None:
        far = NEAR_BYTES
        while True:
            stop = buffer.find(b"\n", begin + far, end)
            stop = end if stop < 0 else stop
            spans = [span for look in looks if (span := look(begin, stop)) is not None]
            if spans or stop == end:
                return min(spans, default=None)
            begin, far = stop, TIMES_FARTHER * far

    return find_first


def _guided_find(buffer: bytearray, look: Find, find: Find) -> Find:
    """Look with an expression only at lines that hold what its matches hold, where those are few."""

    def find_guided(begin: int, end: int) -> Span | None:
        for _ in range(MOST_IN_VAIN):
            held = look(begin, end)
            if held is None:
                return None
            first = max(begin, buffer.rfind(b"\n", begin, held[0]) + 1)
            last = buffer.find(b"\n", held[1], end)
            if last < 0:
                return find(first, end)
            span = find(first, last)
            if span is not None:
                return span
            begin = last + 1
        return find(begin, end)

    return find_guided


def _line_find(buffer: bytearray, find: Find) -> Find:
    r"""Leave out what matches only because the carriage return of a line end counts as a part of the line.

    It does for `[^;]$`, `\s+$` or `^.$`; such a line is looked at once more, as if it ended before.
    """

    def find_line(begin: int, end: int) -> Span | None:
        while (span := find(begin, end)) is not None:
            last = span[1]
            if last == begin or buffer[last - 1] != _CARRIAGE_RETURN or buffer[last] != _LINE_FEED:
                return span
            buffer[last - 1] = _LINE_FEED
            span = find(max(begin, buffer.rfind(b"\n", begin, span[0]) + 1), last - 1)
            buffer[last - 1] = _CARRIAGE_RETURN
            if span is not None:
                return span
            begin = last + 1
            if begin > end:
                return None
        return None

    return find_line


def _compile(shown: str, expression: str, *, ignore_case: bool) -> _re2.RE2:
    # Past the module's own compile, which keeps every pattern it was ever given.
    options = Options()
    options.log_errors = False
    options.never_capture = True
    options.never_nl = True  # [^x] and \s stay within a line, so that a whole buffer can be searched at once
    options.case_sensitive = not ignore_case
    options.max_mem = MAX_COMPILED_BYTES
    compiled = _re2.RE2((_FLAGS + expression).encode(), options)
    if not compiled.ok():
        raise _refusal(shown, compiled.error().decode("utf-8", "replace"))
    if compiled.ProgramSize() > MAX_PROGRAM:
        raise _too_large(shown)
    return compiled


def _one_line(text: str) -> str:
    r"""Let `$` also match before the carriage return of a line end, and refuse what means another line."""
    out = []
    for found in TOKEN.finditer(text):
        piece = found[0]
        if piece in (r"\n", "\n"):
            raise _invalid(text, "means a line break; lines are searched one by one, so search for one of its lines")
        if piece == r"\C":
            raise _invalid(text, r"asks for any byte (\C), a line break too; a dot stands for any character of a line")
        out.append(r"(?:\r?$)" if piece == "$" else piece)
    return "".join(out)


def _refusal(text: str, problem: str) -> ToolFailure:
    what, _, where = problem.partition(": ")
    construct = next((name for opening, name in _UNSUPPORTED.items() if _opens(text, where, opening)), None)
    if construct is None and what == "invalid escape sequence" and _BACK_REFERENCE.match(where):
        construct = "a back-reference"
    if construct is None and what == "bad repetition operator" and where.endswith("+"):
        construct = "a possessive quantifier"
    if construct is not None:
        return _invalid(text, f"uses {construct} ({echo(where)}), which RE2 does not support; search without it")
    if "too large" in what or what == "invalid repetition size" or "}{" in where:
        return _too_large(text)
    problem = echo(problem.replace(_FLAGS, "", 1))
    return _invalid(text, f"is no RE2 expression: {problem}. To search for the text itself, leave regex out")


def _opens(text: str, where: str, opening: str) -> bool:
    """Whether this construct is where RE2 stopped reading; it names only the first characters of some."""
    return where.startswith(opening) or (where == opening[:3] and opening in text)


def _too_large(text: str) -> ToolFailure:
    return _invalid(text, "is too large once its repetitions are written out; use smaller counts")


def _invalid(text: str, problem: str) -> ToolFailure:
    return ToolFailure(Code.INVALID_ARGUMENT, f"The pattern '{echo(text)}' {problem}.")
