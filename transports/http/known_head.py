"""A head that was let in before on the same connection: the same bytes need no second reading. Pure.

A client sends the same head again and again, but for the length of its body. Whoever let the first one in has decided
by the head alone, so nothing new can come of reading the next. What is remembered was read by the HTTP parser, which
found one whole request in those bytes, and nothing of it depends on how lenient the parser is.
"""

import re
from collections.abc import Mapping

import msgspec

LONGEST_HEAD = 4096
"""Of those that are remembered, in bytes."""
MOST_DIGITS = 8
"""Of a length that comes instead of the one that was remembered."""

_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,%d})\r\n" % MOST_DIGITS, re.IGNORECASE)
_OTHERWISE = (b"transfer-encoding:", b"expect:", b"upgrade:", b"trailer:")
"""Fields that give the bytes after the head, or the answer, another meaning."""


class KnownHead(msgspec.Struct, frozen=True):
    """The bytes around the length of the body.

    A credential is among them, so keyed hashes are compared before bytes are: how long that takes tells nobody how much
    of a guess is right.
    """

    before: bytes
    after: bytes

    def body_in(self, data: bytes) -> bytes | None:
        """The body, where `data` is this head and one whole body of the length that it announces, and nothing else."""
        start = len(self.before)
        if not _is_same(data[:start], self.before):
            return None
        end = data.find(b"\r", start, start + MOST_DIGITS + 1)
        begin = end + len(self.after)
        if end < 0 or not _is_same(data[end:begin], self.after):
            return None
        digits = data[start:end]
        return data[begin:] if digits.isdigit() and len(data) - begin == int(digits) else None


def _is_same(given: bytes, known: bytes) -> bool:
    return hash(given) == hash(known) and given == known


def learn(data: bytes, fields: Mapping[bytes, bytes], count: int) -> KnownHead | None:
    """The head of a request that the parser found to be all of `data`, with `count` lines of fields.

    None where the same bytes could mean something else next time, or where our reading and the parser's could differ.
    """
    end = data.find(_END, 0, LONGEST_HEAD) + len(_END)
    head = data[:end]
    lines = head.split(b"\r\n")
    if not head.startswith(b"POST ") or len(lines) != count + 3 or not lines[0].endswith(b" HTTP/1.1"):
        return None
    if head.count(b"\n") != count + 2 or any(line[:1] in (b" ", b"\t") for line in lines):
        return None
    if fields.get(b"connection", b"keep-alive").lower() != b"keep-alive":
        return None
    if any(line.lower().startswith(_OTHERWISE) for line in lines):
        return None
    length = _LENGTH.search(head)
    if length is None or length[1] != fields.get(b"content-length") or len(data) - end != int(length[1]):
        return None
    return KnownHead(head[: length.start(1)], head[length.end(1) :])
