"""JSON with comments and trailing commas, as editors keep their settings: what stands where in the text.

Nothing is ever written back from the values: an edit is an insertion into the text, so that comments and layout stay.
"""

import json
import re

import msgspec

_BLANK = re.compile(r"(?:\s+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_SCALAR = re.compile(r"-?\d[\d.eE+-]*|true|false|null")
MOST_LEVELS = 100


class NotJsonError(ValueError):
    """The text is no JSON, not even with comments. `line` counts from 1."""

    def __init__(self, text: str, at: int, wanted: str) -> None:
        self.line = text.count("\n", 0, at) + 1
        super().__init__(f"line {self.line}: {wanted} was expected")


class Node(msgspec.Struct, frozen=True):
    """A value and the span of text that holds it; members by key for an object (the last of a name counts)."""

    start: int
    end: int
    value: object
    members: dict[str, "Node"] | None = None


def parse(text: str) -> Node:
    """The whole text as one value.

    Raises:
        NotJsonError: it is not.
    """
    node = _value(text, _skip(text, 0), 0)
    end = _skip(text, node.end)
    if end != len(text):
        raise NotJsonError(text, end, "the end")
    return node


def _skip(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


def _value(text: str, at: int, level: int) -> Node:
    if level > MOST_LEVELS:
        raise NotJsonError(text, at, f"a value of at most {MOST_LEVELS} levels")
    if text.startswith("{", at):
        return _object(text, at, level)
    if text.startswith("[", at):
        return _array(text, at, level)
    found = _STRING.match(text, at) or _SCALAR.match(text, at)
    if not found:
        raise NotJsonError(text, at, "a value")
    try:
        return Node(at, found.end(), json.loads(found[0]))
    except ValueError:
        raise NotJsonError(text, at, "a value") from None


def _object(text: str, start: int, level: int) -> Node:
    members: dict[str, Node] = {}
    at = _skip(text, start + 1)
    while not text.startswith("}", at):
        key = _STRING.match(text, at)
        if not key:
            raise NotJsonError(text, at, "a name in double quotes")
        at = _expect(text, key.end(), ":")
        member = _value(text, at, level + 1)
        members[json.loads(key[0])] = member
        at = _after(text, member.end, "}")
    return Node(start, at + 1, {name: member.value for name, member in members.items()}, members)


def _array(text: str, start: int, level: int) -> Node:
    items: list[object] = []
    at = _skip(text, start + 1)
    while not text.startswith("]", at):
        item = _value(text, at, level + 1)
        items.append(item.value)
        at = _after(text, item.end, "]")
    return Node(start, at + 1, items)


def _expect(text: str, at: int, sign: str) -> int:
    at = _skip(text, at)
    if not text.startswith(sign, at):
        raise NotJsonError(text, at, f'"{sign}"')
    return _skip(text, at + 1)


def _after(text: str, at: int, closing: str) -> int:
    """Past a comma, a trailing one too, or at the closing sign."""
    at = _skip(text, at)
    return at if text.startswith(closing, at) else _expect(text, at, ",")
