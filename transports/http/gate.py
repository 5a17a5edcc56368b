"""What may be asked of which listener: decisions before any endpoint, as a pure function of a request's head.

Whose request it is comes between the two functions of the gate, and is not decided here.
"""

import re
from collections.abc import Iterable, Mapping

import msgspec

from filewarden.transports.http.answer import CLOSE, Answer, problem
from filewarden.transports.http.fields import Fields, content_length, is_form, is_json
from filewarden.transports.http.sockets import bracketed

Origin = tuple[str, str, int]
"""Scheme, host, port."""

LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")
WILDCARDS = ("0.0.0.0", "::")  # noqa: S104 - addresses that no request may be addressed to
DEFAULT_PORTS = {"http": 80, "https": 443}

_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://([^/:@?#\[\]\s,]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?", re.ASCII)


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """What is let through on one listener. `routes` has the methods of every path that exists."""

    hosts: frozenset[str]
    origins: frozenset[Origin]
    routes: Mapping[str, tuple[str, ...]]
    max_body_bytes: int
    forms: frozenset[str] = frozenset()
    """Paths that take what a browser's form sends, and not JSON."""

    def refusal(self, method: str, path: str, fields: Fields) -> Answer | None:
        """The answer to a request that is not for us, or that nobody may make; None for others."""
        return self._wrong_host(fields) or self._wrong_origin(fields) or self._wrong_route(method, path)

    def body_refusal(self, method: str, path: str, fields: Fields) -> Answer | None:
        """The answer to a request whose body is not wanted, to be asked once it is known whose request it is."""
        return self._wrong_body(path, fields) if method == "POST" else None

    def _wrong_host(self, fields: Fields) -> Answer | None:
        host = fields.get(b"host", b"").decode("latin-1").lower()
        if host in self.hosts:
            return None
        return problem(421, "the Host field names another server; allow it with http.allowed_hosts")

    def _wrong_origin(self, fields: Fields) -> Answer | None:
        value = fields.get(b"origin")
        if value is None or parse_origin(value.decode("latin-1")) in self.origins:
            return None
        return problem(403, "this Origin may not call; allow it with http.allowed_origins")

    def _wrong_route(self, method: str, path: str) -> Answer | None:
        methods = self.routes.get(path)
        if methods is None:
            return problem(404, "there is nothing at this path")
        if method in methods:
            return None
        return problem(405, "this path does not take that method", (b"allow", ", ".join(methods).encode()))

    def _wrong_body(self, path: str, fields: Fields) -> Answer | None:
        if content_length(fields) > self.max_body_bytes:
            return too_large(self.max_body_bytes, fields)
        if path in self.forms:
            return None if is_form(fields) else problem(415, "the Content-Type must be that of a form")
        if not is_json(fields):
            return problem(415, "the Content-Type must be application/json in UTF-8")
        return None


def too_large(limit_bytes: int, fields: Fields) -> Answer:
    """A body beyond the limit. A client that waits for 100 Continue will not send it: that ends the connection."""
    headers = (CLOSE,) if b"expect" in fields else ()
    return problem(413, f"a message may have at most {limit_bytes} bytes (limits.max_message_bytes)", *headers)


def parse_origin(text: str) -> Origin | None:
    """Scheme, host and port of a web origin; None for `null` and whatever else is none."""
    found = _ORIGIN.fullmatch(text.lower())
    if found is None:
        return None
    scheme, host, port = found.groups()
    return scheme, host, int(port) if port else DEFAULT_PORTS.get(scheme, 0)


def own_origins(host: str, port: int, allowed: Iterable[str]) -> frozenset[Origin]:
    """Pages that this server could have sent, and those that the settings name."""
    named = (parse_origin(each) for each in allowed)
    return frozenset(("http", name, port) for name in _own_names(host)) | {each for each in named if each is not None}


def own_hosts(host: str, port: int, allowed: Iterable[str]) -> frozenset[str]:
    """What a Host field may say: one of our names with our port, or a name of the settings, with the port it has there.

    A name of the settings without a port stands for itself, as behind a proxy, and for itself with our port.
    """
    found = {f"{name}:{port}" for name in _own_names(host)}
    if port == DEFAULT_PORTS["http"]:
        found.update(_own_names(host))
    for each in allowed:
        name = each.lower()
        found.add(name)
        if ":" not in name.rpartition("]")[2]:
            found.add(f"{name}:{port}")
    return frozenset(found)


def _own_names(host: str) -> tuple[str, ...]:
    return LOCAL_HOSTS if host in WILDCARDS else (*LOCAL_HOSTS, bracketed(host).lower())
