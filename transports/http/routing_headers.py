"""The header fields that repeat what a modern request says in its body, for those who route by them. Pure.

Both must say the same, or two readers of one request could be told two things (protocol revision 2026-07-28,
"Streamable HTTP"; RFC 9110 for the fields).
"""

import base64
import binascii
import re
from collections.abc import Sequence

import msgspec
from msgspec import Raw

from filewarden.broker.protocol.errors import ErrorCode, ProtocolError

VERSION = b"mcp-protocol-version"
METHOD = b"mcp-method"
NAME = b"mcp-name"
PARAM = b"mcp-param-"
ANNOTATION = "x-mcp-header"

_MARK = b"=?"
_ENCODED = re.compile(rb"=\?base64\?(.*)\?=", re.DOTALL)
_UNPRINTABLE = re.compile(rb"[^\t\x20-\x7e]")
_WHOLE = re.compile(r"(-?[0-9]{1,17})(?:\.0{1,17})?", re.ASCII)
_OBJECT: msgspec.json.Decoder[dict[str, object]] = msgspec.json.Decoder(dict[str, object])


class HeaderParam(msgspec.Struct, frozen=True):
    """An argument that is also a field: `path` leads to it through the objects of the arguments."""

    field: bytes
    path: tuple[str, ...]


class RoutingHeaders:
    """The fields of one request that begin with `Mcp-`, with all their values."""

    def __init__(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        self._values: dict[bytes, list[bytes]] = {}
        for name, value in headers:
            if name.startswith(b"mcp-"):
                self._values.setdefault(name, []).append(value.strip(b" \t"))

    @property
    def version(self) -> str | None:
        """What `MCP-Protocol-Version` says, the first time."""
        values = self._values.get(VERSION)
        return values[0].decode("latin-1") if values else None

    def check(self, *, version: str, method: str, name: str | None) -> None:
        """Hold the fields of a request against its body; `name` is None where the method has none.

        Raises:
            ProtocolError: HEADER_MISMATCH, naming the field.
        """
        self._check_equal(VERSION, self._required(VERSION), version)
        self._check_equal(METHOD, self._required(METHOD), method)
        if name is not None and decoded(NAME, self._required(NAME)) != name:
            raise _mismatch(NAME, "differs from the body")

    def check_present(self, *, version: str | None, method: str) -> None:
        """Hold those fields that a notification has against its body; none is required.

        Raises:
            ProtocolError: HEADER_MISMATCH, naming the field.
        """
        if VERSION in self._values and version is not None:
            self._check_equal(VERSION, self._required(VERSION), version)
        if METHOD in self._values:
            self._check_equal(METHOD, self._required(METHOD), method)

    def check_params(self, params: Sequence[HeaderParam], arguments: Raw) -> None:
        """Hold the fields of a tool call against its arguments.

        Raises:
            ProtocolError: HEADER_MISMATCH, naming the field.
        """
        given = _object(arguments)
        for param in params:
            value = _value_at(given, param.path)
            if value is None:
                if param.field in self._values:
                    raise _mismatch(param.field, "stands for an argument that the body does not have")
            elif not _agrees(decoded(param.field, self._required(param.field)), value):
                raise _mismatch(param.field, "differs from the body")

    def _required(self, field: bytes) -> bytes:
        values = self._values.get(field, ())
        if len(values) != 1:
            raise _mismatch(field, "is missing" if not values else "occurs more than once")
        return values[0]

    def _check_equal(self, field: bytes, value: bytes, expected: str) -> None:
        if value != expected.encode():
            raise _mismatch(field, "differs from the body")


def decoded(field: bytes, value: bytes) -> str:
    """Read the value of a field: text in base64 between its marks, anything else as it stands.

    Raises:
        ProtocolError: HEADER_MISMATCH for bytes that no field may have, for bad base64 and for bad UTF-8.
    """
    if _UNPRINTABLE.search(value):
        raise _mismatch(field, "has bytes that no field may have")
    found = _ENCODED.fullmatch(value) if value.startswith(_MARK) else None
    if found is None:
        return value.decode("ascii")
    try:
        return base64.b64decode(found[1], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise _mismatch(field, "is no base64 of UTF-8") from None


def header_params(schema: object, path: tuple[str, ...] = ()) -> tuple[HeaderParam, ...]:
    """Gather the annotated arguments of a tool's input schema: only `properties` lead to one."""
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict):
        return ()
    found: list[HeaderParam] = []
    for name, node in properties.items():
        here = (*path, name)
        header = node.get(ANNOTATION) if isinstance(node, dict) else None
        if isinstance(header, str) and header:
            found.append(HeaderParam(PARAM + header.lower().encode(), here))
        found.extend(header_params(node, here))
    return tuple(found)


def _object(raw: Raw) -> dict[str, object]:
    try:
        return _OBJECT.decode(raw)
    except msgspec.DecodeError:
        return {}


def _value_at(value: object, path: tuple[str, ...]) -> object:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _agrees(text: str, value: object) -> bool:
    """Whether a field says what the body says; nothing but texts, whole numbers and truth values can be said in one."""
    match value:
        case str():
            return text == value
        case bool():
            return text == ("true" if value else "false")
        case int() | float():
            found = _WHOLE.fullmatch(text)
            return found is not None and int(found[1]) == value
        case _:
            return False


def _mismatch(field: bytes, what: str) -> ProtocolError:
    return ProtocolError(ErrorCode.HEADER_MISMATCH, f"Header mismatch: {field.decode('latin-1')} {what}")
