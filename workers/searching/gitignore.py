"""One line of a `.gitignore` file as an expression over path bytes, as Git reads it (gitignore(5), wildmatch.c)."""

import re

import msgspec

from filewarden.workers.paths.wildcards import DEEP, name_expression, path_expression

_SPECIAL = re.compile(rb"[*?\[\\]")
_CLASSES = {
    b"alnum": bytes(c for c in range(128) if chr(c).isalnum()),
    b"alpha": bytes(c for c in range(128) if chr(c).isalpha()),
    b"blank": b" \t",
    b"cntrl": bytes((*range(32), 127)),
    b"digit": b"0123456789",
    b"graph": bytes(range(33, 127)),
    b"lower": bytes(range(97, 123)),
    b"print": bytes(range(32, 127)),
    b"punct": bytes(c for c in range(33, 127) if not chr(c).isalnum()),
    b"space": b" \t\n\v\f\r",
    b"upper": bytes(range(65, 91)),
    b"xdigit": b"0123456789abcdefABCDEF",
}
_STAR = b"*"
_SLASH = b"/"


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """What one line says."""

    expression: bytes
    """Over the whole name, or the whole path relative to the file's folder."""
    literal: bytes | None
    """The very name it means, when it holds no wildcard and no `/`."""
    suffix: bytes | None
    """The end of the names it means, for `*` and a literal."""
    is_negated: bool
    is_folders_only: bool
    is_path: bool


class _Unmatchable(Exception):
    """A pattern that Git accepts and that matches nothing."""


def parse_line(line: bytes) -> Rule | None:
    """Read one line without its line feed; None for comments, blank lines and patterns that match nothing."""
    pattern = _without_trailing_spaces(line.removesuffix(b"\r"))
    if not pattern or pattern.startswith(b"#"):
        return None
    is_negated = pattern.startswith(b"!")
    pattern = pattern.removeprefix(b"!")
    is_folders_only = pattern.endswith(b"/")
    pattern = pattern.removesuffix(b"/")
    is_path = b"/" in pattern
    pattern = pattern.removeprefix(b"/")
    if not pattern:
        return None
    first = _SPECIAL.search(pattern)
    try:
        expression = _translate(pattern, first.start() if first else len(pattern), is_path=is_path)
    except _Unmatchable:
        return None
    is_suffix = not is_path and pattern.startswith(b"*") and not _SPECIAL.search(pattern, 1)
    return Rule(
        expression=expression,
        literal=pattern if first is None and not is_path else None,
        suffix=pattern[1:] if is_suffix else None,
        is_negated=is_negated,
        is_folders_only=is_folders_only,
        is_path=is_path,
    )


def _without_trailing_spaces(line: bytes) -> bytes:
    kept = line.rstrip(b" ")
    backslashes = len(kept) - len(kept.rstrip(b"\\"))
    # A backslash that is itself not escaped keeps the space after it.
    return line[: len(kept) + 1] if backslashes % 2 and len(kept) < len(line) else kept


def _translate(pattern: bytes, plain: int, *, is_path: bool) -> bytes:
    parts: list[bytes | None] = []
    pieces: list[bytes] = [b""]
    for token in _tokens(pattern, plain, is_path=is_path):
        if token == _SLASH:
            parts.append(name_expression(pieces) if pieces else DEEP)
            pieces = [b""]
        elif token == _STAR:
            pieces.append(b"")
        elif token == b"**":
            pieces = []
        else:
            pieces[-1] += token
    parts.append(name_expression(pieces) if pieces else DEEP)
    rest = path_expression(parts) if is_path else name_expression(pieces)
    return re.escape(pattern[:plain]) + rest


def _tokens(pattern: bytes, at: int, *, is_path: bool) -> list[bytes]:
    """Split what begins there into `/`, `*`, `**` (only where it stands for folders) and expressions for single bytes.

    Against its manual, older Gits (2.47 is one, 2.53 none) took `**` right behind a plain beginning for folders too.
    """
    tokens: list[bytes] = []
    while at < len(pattern):
        byte = pattern[at : at + 1]
        if byte == b"*":
            end = len(pattern) - len(pattern[at:].lstrip(b"*"))
            is_alone = (at == 0 or pattern[at - 1 : at] == b"/") and pattern[end : end + 1] in (b"", b"/")
            tokens.append(b"**" if is_path and is_alone and end - at > 1 else _STAR)
            at = end
        elif byte == b"[":
            members, at = _set(pattern, at)
            tokens.append(members)
        elif byte == b"\\":
            if at + 1 == len(pattern):
                raise _Unmatchable
            tokens.append(re.escape(pattern[at + 1 : at + 2]))
            at += 2
        else:
            tokens.append(rb"[^/]" if byte == b"?" else _SLASH if byte == b"/" else re.escape(byte))
            at += 1
    return tokens


def _set(pattern: bytes, at: int) -> tuple[bytes, int]:
    """Read a set that begins at `at`; gives its expression and where it ends."""
    at += 1
    is_negated = pattern[at : at + 1] in (b"!", b"^")
    at += is_negated
    members: set[int] = set()
    previous = 0
    begin = at
    while pattern[at : at + 1] != b"]" or at == begin:
        at, previous = _member(pattern, at, previous, members)
    if is_negated:
        members = set(range(256)) - members
    members.discard(ord("/"))
    if not members:
        raise _Unmatchable
    return b"[" + b"".join(re.escape(bytes((member,))) for member in sorted(members)) + b"]", at + 1


def _member(pattern: bytes, at: int, previous: int, members: set[int]) -> tuple[int, int]:
    """Add one member, range or class; gives where it ends and the byte that a range could begin with."""
    byte = _byte(pattern, at)
    if byte == ord("-") and previous and pattern[at + 1 : at + 2] not in (b"", b"]"):
        at += 1
        if pattern[at : at + 1] == b"\\":
            at += 1
        members.update(range(previous, _byte(pattern, at) + 1))
        return at + 1, 0
    if byte == ord("[") and pattern[at + 1 : at + 2] == b":":
        end = pattern.find(b"]", at + 2)
        if end < 0:
            raise _Unmatchable
        if end > at + 2 and pattern[end - 1 : end] == b":":
            try:
                members.update(_CLASSES[pattern[at + 2 : end - 1]])
            except KeyError:
                raise _Unmatchable from None
            return end + 1, 0
    if byte == ord("\\"):
        at += 1
        byte = _byte(pattern, at)
    members.add(byte)
    return at + 1, byte


def _byte(pattern: bytes, at: int) -> int:
    if at >= len(pattern):
        raise _Unmatchable
    return pattern[at]
