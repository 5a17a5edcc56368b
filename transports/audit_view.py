"""The `audit` command: whether the lines of an audit log are still as they were written."""

import os
import stat
import sys
from collections.abc import Iterator, Sequence

import msgspec

from filewarden.broker.audit_verification import Findings, Verifier
from filewarden.transports.commands.reading import Arguments, UsageError
from filewarden.transports.exit_status import EXIT_FAILURE, EXIT_OK, EXIT_USAGE
from filewarden.workers.audit.chain import MOST_LINE_BYTES

HASH_CHARS = 64
HASH_DIGITS = frozenset("0123456789abcdef")


def verify(arguments: Arguments) -> int:
    """`audit verify`: exit status 0 when every line is as it was written, 1 when one is not.

    Raises:
        UsageError: the hash is none.
    """
    last = _hash(arguments)
    try:
        sizes: list[tuple[str, int]] = []
        findings = Verifier().read(_lines(arguments.operands, sizes), last)
    except OSError as error:
        sys.stderr.write(f"{error.filename or arguments.operands[0]}: cannot be read: {error.strerror}\n")
        return EXIT_USAGE
    place = _place(findings, sizes)
    document = _document(findings, place) if arguments.as_json else _sentences(findings, place)
    sys.stdout.write(document + "\n")
    return EXIT_OK if findings.fault is None else EXIT_FAILURE


def _hash(arguments: Arguments) -> str:
    last = arguments.flags.get("--last", "").lower()
    if last and (len(last) != HASH_CHARS or set(last) - HASH_DIGITS):
        raise UsageError(f"--last takes the {HASH_CHARS} digits of a hash")
    return last


def _lines(files: Sequence[str], read: list[tuple[str, int]]) -> Iterator[bytes]:
    """Every line of every file; `read` counts them."""
    for path in files:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise OSError(0, "it is no regular file", path)
        with open(fd, "rb") as file:
            read.append((path, 0))
            while line := file.readline(MOST_LINE_BYTES + 1):
                read[-1] = (path, read[-1][1] + 1)
                yield line


def _place(findings: Findings, read: Sequence[tuple[str, int]]) -> tuple[str, int]:
    """The file and the line in it of the fault, or the end."""
    line = findings.lines + 1 if findings.fault is None else findings.fault.line
    for path, count in read[:-1]:
        if line <= count:
            return path, line
        line -= count
    return read[-1][0], line


def _document(findings: Findings, place: tuple[str, int]) -> str:
    fault = findings.fault
    shown = None if fault is None else {"file": place[0], "line": place[1], "problem": fault.problem}
    facts = {"ok": fault is None, **msgspec.structs.asdict(findings), "fault": shown}
    return msgspec.json.encode(facts).decode()


def _sentences(findings: Findings, place: tuple[str, int]) -> str:
    if findings.fault is not None:
        return f"{place[0]}, line {place[1]}: {findings.fault.problem}.\nThe {findings.lines} lines before are whole."
    lines = [f"{findings.lines} lines are as they were written; the hash of the last one is", f"  {findings.last}"]
    if findings.lost:
        lines.append(f"note: {findings.lost} calls are not in it, because it could not be written then (gap).")
    if findings.breaches:
        lines.append(f"note: {findings.breaches} workers were ended for what no honest one does (breach).")
    if findings.open_servers:
        lines.append(
            f"note: servers that have not signed off: {len(findings.open_servers)}. They run, were killed, or the end "
            "was cut off. With --last and a hash from `filewarden status --json`, a missing end is found."
        )
    return "\n".join(lines)
