"""What the fields of an HTTP request mean: pure functions over bytes (RFC 9110)."""

import functools
from collections.abc import Iterator, Mapping, Sequence

from starlette.types import Scope

Fields = Mapping[bytes, bytes]
"""By lower-case name. A field that came more than once has its values joined by a comma (RFC 9110, 5.3): where one
value is expected, the joined one fits nothing, so that no reader can be told two different things."""

SCOPE_KEY = "filewarden.fields"
JSON = b"application/json"
EVENTS = b"text/event-stream"
FORM = b"application/x-www-form-urlencoded"
MOST_KEPT = 64
"""How many answers to what a client accepts are kept, for fields up to `MOST_KEPT_BYTES` long."""
MOST_KEPT_BYTES = 512


def read_fields(headers: Sequence[tuple[bytes, bytes]]) -> Fields:
    """Index the fields; names are lower-case already."""
    fields = dict(headers)
    if len(fields) != len(headers):
        fields = {}
        for name, value in headers:
            fields[name] = fields[name] + b", " + value if name in fields else value
    return fields


def fields_of(scope: Scope) -> Fields:
    """The fields of a request that the guard let through."""
    fields: Fields = scope[SCOPE_KEY]
    return fields


def accepts(fields: Fields, media_type: bytes) -> bool:
    """Whether the client takes `media_type`: the most specific range that matches decides; no field means anything."""
    accept = fields.get(b"accept")
    return accept is None or (_admits if len(accept) <= MOST_KEPT_BYTES else _admits.__wrapped__)(accept, media_type)


@functools.lru_cache(MOST_KEPT)
def _admits(accept: bytes, media_type: bytes) -> bool:
    kind = media_type.partition(b"/")[0]
    ranks = {b"*/*": 0, kind + b"/*": 1, media_type: 2}
    best, is_accepted = -1, False
    for name, quality in _ranges(accept):
        rank = ranks.get(name, -1)
        if rank > best:
            best, is_accepted = rank, quality > 0
    return is_accepted


def asks_for(fields: Fields, media_type: bytes) -> bool:
    """Whether the client names `media_type` itself; a wildcard does not count."""
    return any(name == media_type and quality > 0 for name, quality in _ranges(fields.get(b"accept", b"")))


def is_json(fields: Fields) -> bool:
    """Whether the body is JSON in UTF-8."""
    content_type = fields.get(b"content-type", b"")
    return content_type == JSON or _is_json(content_type)


def _is_json(content_type: bytes) -> bool:
    name, *parameters = content_type.lower().split(b";")
    charsets = [value for key, _, value in (each.partition(b"=") for each in parameters) if key.strip() == b"charset"]
    return name.strip() == JSON and all(each.strip().strip(b'"') in (b"utf-8", b"utf8") for each in charsets)


def is_form(fields: Fields) -> bool:
    """Whether the body is what a browser's form sends; one without fields has no type, and is empty."""
    name = fields.get(b"content-type", FORM if not content_length(fields) else b"").lower().partition(b";")[0]
    return name.strip() == FORM


def bearer_token(fields: Fields) -> bytes | None:
    """The credential of `Authorization: Bearer`; empty when another scheme was used, None when there is no field."""
    value = fields.get(b"authorization")
    if value is None:
        return None
    scheme, _, credential = value.partition(b" ")
    return credential.strip(b" ") if scheme.lower() == b"bearer" else b""


def content_length(fields: Fields) -> int:
    """The announced length; the HTTP parser has refused what is no number. 0 where the length is not announced."""
    value = fields.get(b"content-length", b"0")
    return int(value) if value.isdigit() else 0


def query_value(query: bytes, *names: bytes) -> str:
    """The value of the first parameter that has one of `names`; "" when there is none, or it is not ASCII."""
    for pair in query.split(b"&"):
        name, _, value = pair.partition(b"=")
        if name in names and value.isascii():
            return value.decode()
    return ""


def _ranges(accept: bytes) -> Iterator[tuple[bytes, float]]:
    for item in accept.lower().split(b","):
        name, *parameters = (part.strip() for part in item.split(b";"))
        quality = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition(b"=")
            if key.strip() == b"q":
                quality = _quality(value.strip())
        yield name, quality


def _quality(value: bytes) -> float:
    return float(value) if value.replace(b".", b"", 1).isdigit() else 0.0
