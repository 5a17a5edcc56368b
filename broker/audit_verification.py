"""Whether a file of the audit log is whole: its first broken line, and what is known of its end. Pure."""

from collections.abc import Iterable

import msgspec

from filewarden.workers.audit.chain import FIRST_PREV, MOST_LINE_BYTES, digest_of, position_of, prev_of


class Fault(msgspec.Struct, frozen=True):
    """The first line that is not as it was written; lines count from 1."""

    line: int
    problem: str


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What one file, or several that follow each other, turned out to be."""

    lines: int
    last: str
    """The hash of the last line."""
    fault: Fault | None
    open_servers: tuple[str, ...] = ()
    """Servers that have not signed off: they run, were killed, or what they wrote last was cut off."""
    lost: int = 0
    """Lines that servers could not write, by their own account."""
    breaches: int = 0
    """Workers that were ended for what no honest one does."""


class _Line(msgspec.Struct):
    seq: int
    prev: str
    event: str = ""
    server: str = ""
    lost: int = 0


_UNFOLLOWED = "it does not follow the line before it"
_CHANGED = "it was changed, or other lines were put behind it"
_decode = msgspec.json.Decoder(_Line).decode


class Verifier:
    """Reads lines in order. Files that follow each other are read as if they were one."""

    def __init__(self) -> None:
        self._count = 0
        self._seq = 0
        self._last = FIRST_PREV
        self._open: dict[str, None] = {}
        self._lost = 0
        self._breaches = 0

    def read(self, lines: Iterable[bytes], expected: str = "") -> Findings:
        """Check lines, each with its line end; `expected` is the hash of a line that must be among them."""
        fault: Fault | None = None
        found = not expected
        rest = iter(lines)
        for line in rest:
            problem = self._problem(line)
            if problem:
                fault = self._fault(problem, line, next(rest, b""), expected)
                break
            self._count += 1
            found = found or self._last == expected
        if fault is None and not self._count:
            fault = Fault(1, "there is no line at all: the file is empty, or was emptied")
        if fault is None and not found:
            fault = Fault(
                self._count + 1,
                "the line with the hash that was asked for is missing: the end was cut off, or replaced",
            )
        return Findings(
            lines=self._count,
            last=self._last,
            fault=fault,
            open_servers=tuple(self._open),
            lost=self._lost,
            breaches=self._breaches,
        )

    def _fault(self, problem: str, line: bytes, following: bytes, expected: str) -> Fault:
        """The broken line: where a line does not follow the one before, that one, if what comes next knows this one."""
        digest = digest_of(line.removesuffix(b"\n"))
        is_known = prev_of(following.removesuffix(b"\n")) == digest if following else expected in ("", digest)
        if problem != _UNFOLLOWED or not is_known:
            return Fault(self._count + 1, problem if problem != _UNFOLLOWED else _CHANGED)
        self._count -= 1
        return Fault(self._count + 1, _CHANGED)

    def _problem(self, line: bytes) -> str:
        """What is wrong with the next line; "" when nothing is."""
        if not line.endswith(b"\n"):
            return "it is too long" if len(line) > MOST_LINE_BYTES else "it is not complete: the end was cut off"
        line = line[:-1]
        position = position_of(line)
        try:
            facts = _decode(line)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return "it is no line of an audit log"
        if position is None or facts.seq != position.seq or facts.prev != prev_of(line):
            return "it is no line of an audit log"
        if problem := self._break(facts):
            return problem
        self._seq, self._last = position.seq, digest_of(line)
        self._note(facts)
        return ""

    def _break(self, facts: _Line) -> str:
        if not self._count:
            if facts.event == "begin" and facts.seq == 1 and facts.prev == FIRST_PREV:
                return ""
            return "" if facts.event == "continue" else "the lines before it were removed"
        if facts.prev == self._last:
            return "" if facts.seq == self._seq + 1 else f"its number is {facts.seq}, not {self._seq + 1}"
        if facts.seq > self._seq + 1:
            missing = facts.seq - self._seq - 1
            return "1 line before it was removed" if missing == 1 else f"{missing} lines before it were removed"
        if facts.seq == self._seq + 1:
            return _UNFOLLOWED
        return "it is not in its place: lines were moved, repeated or put in"

    def _note(self, facts: _Line) -> None:
        self._lost += facts.lost
        self._breaches += facts.event == "breach"
        if facts.event == "start":
            self._open[facts.server] = None
        elif facts.event == "stop":
            self._open.pop(facts.server, None)
