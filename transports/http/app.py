"""The ASGI applications: endpoints by path behind their guard, one application for each listener."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Receive, Scope, Send

from filewarden.broker.holdings import Holdings
from filewarden.broker.protocol.principal import Principal
from filewarden.config.settings import Settings
from filewarden.transports.http import streamable
from filewarden.transports.http.answer import Answer
from filewarden.transports.http.authentication import Authenticator, LocalToken
from filewarden.transports.http.body import BodyReader
from filewarden.transports.http.gate import Gate, own_hosts, own_origins
from filewarden.transports.http.guard import Guard
from filewarden.transports.http.legacy import Legacy
from filewarden.transports.http.modern import Modern
from filewarden.transports.http.named_tokens import NamedTokens, Nobody, holders
from filewarden.transports.http.pages import FORMS, METHODS, Document, Pages
from filewarden.transports.http.rights import Refuse, refuse_nobody, refuse_unserved
from filewarden.transports.http.sse import MessageEndpoint, SseClients, SseEndpoint
from filewarden.transports.http.streamable import Streamable

if TYPE_CHECKING:  # its cryptography is loaded where there is an issuer only
    from filewarden.transports.http.oauth.protection import Protection

MCP_METHODS = {"/mcp": streamable.METHODS, "/sse": ("GET",), "/message": ("POST",)}


def mcp_app(
    *,
    settings: Settings,
    port: int,
    pages: Pages,
    operators: LocalToken,
    legacy: Legacy,
    modern: Modern,
    clients: SseClients,
    holdings: Holdings,
    turn_away: Callable[[str], None],
    serves: Callable[[Principal], bool],
    tokens: Mapping[str, bytes],
    protection: "Protection | None" = None,
) -> ASGIApp:
    """Everything that the main listener serves.

    With `protection` MCP is for holders of the issuer's tokens, and the token is for the pages. Beside either, `tokens`
    are the digests of those that profiles name.
    """
    bodies = BodyReader(settings.limits.max_message_bytes, holdings)
    refuse: Refuse = refuse_nobody if protection is None else protection.rights.refusal
    if settings.profiles:
        refuse = refuse_unserved(serves, refuse)
    endpoints: dict[str, ASGIApp] = {
        "/mcp": Streamable(legacy, modern, bodies, refuse),
        "/message": MessageEndpoint(clients, bodies, refuse),
        "/sse": SseEndpoint(clients, refuse),
        **pages.endpoints,
    }
    open_paths, methods, others = pages.open_paths, {**MCP_METHODS, **pages.methods}, dict(pages.authenticators)
    if protection is not None:
        document = Document(Answer(200, protection.metadata))
        endpoints.update(dict.fromkeys(protection.metadata_paths, document))
        open_paths |= frozenset(protection.metadata_paths)
        methods.update(dict.fromkeys(protection.metadata_paths, METHODS))
    others.update(dict.fromkeys(MCP_METHODS, _authenticator(settings, tokens, operators, protection)))
    gate = _gate(settings, settings.http.host, port, methods)
    app = _Paths(endpoints)
    return Guard(app, gate, open_paths=open_paths, operators=operators, others=others, turn_away=turn_away)


class _Paths:
    """The endpoints by their paths; the gate lets no other path through."""

    def __init__(self, endpoints: Mapping[str, ASGIApp]) -> None:
        self._endpoints = endpoints

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Let the one that is asked answer."""
        return self._endpoints[scope["path"]](scope, receive, send)


def _authenticator(
    settings: Settings, tokens: Mapping[str, bytes], operators: LocalToken, protection: "Protection | None"
) -> Authenticator:
    """Who knows those that call."""
    others: Authenticator = operators if settings.access.others == "serve" else Nobody()
    if protection is not None:
        others = protection.server
    return NamedTokens(holders(settings, tokens), others) if tokens else others


def pages_app(
    *,
    settings: Settings,
    host: str,
    port: int,
    pages: Pages,
    operators: LocalToken,
    turn_away: Callable[[str], None] | None = None,
) -> ASGIApp:
    """The pages alone."""
    gate = _gate(settings, host, port, pages.methods)
    return Guard(
        _Paths(pages.endpoints),
        gate,
        open_paths=pages.open_paths,
        operators=operators,
        others=pages.authenticators,
        turn_away=turn_away,
    )


def _gate(settings: Settings, host: str, port: int, routes: Mapping[str, tuple[str, ...]]) -> Gate:
    return Gate(
        hosts=own_hosts(host, port, settings.http.allowed_hosts),
        origins=own_origins(host, port, settings.http.allowed_origins),
        routes=routes,
        max_body_bytes=settings.limits.max_message_bytes,
        forms=FORMS,
    )
