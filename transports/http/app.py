"""The ASGI applications: endpoints by path behind their guard, one application for each listener."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from starlette.routing import Route, Router
from starlette.types import ASGIApp

from filewarden.broker.holdings import Holdings
from filewarden.config.settings import Settings
from filewarden.transports.http import pages, streamable
from filewarden.transports.http.authentication import LocalToken
from filewarden.transports.http.body import BodyReader
from filewarden.transports.http.gate import Gate, own_hosts, own_origins
from filewarden.transports.http.guard import Guard
from filewarden.transports.http.legacy import Legacy
from filewarden.transports.http.modern import Modern
from filewarden.transports.http.pages import Document, Pages, Source
from filewarden.transports.http.rights import refuse_nobody
from filewarden.transports.http.sse import MessageEndpoint, SseClients, SseEndpoint
from filewarden.transports.http.streamable import Streamable

if TYPE_CHECKING:  # its cryptography is loaded where there is an issuer only
    from filewarden.transports.http.oauth.protection import Protection

OPEN_PATHS = frozenset(pages.PROBE_PATHS)
MCP_METHODS = {"/mcp": streamable.METHODS, "/sse": ("GET",), "/message": ("POST",)}


def mcp_app(
    *,
    settings: Settings,
    port: int,
    token: str | None,
    source: Source,
    legacy: Legacy,
    modern: Modern,
    clients: SseClients,
    holdings: Holdings,
    protection: "Protection | None" = None,
) -> ASGIApp:
    """Everything that the main listener serves. `/status` is on it unless it has an address of its own, or none.

    With `protection` MCP is for holders of the issuer's tokens alone, and the token is for the pages.
    """
    has_status = settings.status.address == "auto"
    operators = LocalToken(token)
    bodies = BodyReader(settings.limits.max_message_bytes, holdings)
    refuse = refuse_nobody if protection is None else protection.refuse
    endpoints = [
        Route("/mcp", Streamable(legacy, modern, bodies, refuse)),
        Route("/message", MessageEndpoint(clients, bodies, refuse)),
        Route("/sse", SseEndpoint(clients, refuse)),
        *Pages(source, settings, operators.is_trusted).routes(has_status=has_status),
    ]
    open_paths, methods, others = OPEN_PATHS, {**MCP_METHODS, **_page_methods(has_status)}, None
    if protection is not None:
        document = Document(protection.metadata)
        endpoints += [Route(path, document) for path in protection.metadata_paths]
        open_paths |= frozenset(protection.metadata_paths)
        methods.update(dict.fromkeys(protection.metadata_paths, pages.METHODS))
        others = dict.fromkeys(MCP_METHODS, protection.server)
    gate = _gate(settings, settings.http.host, port, methods)
    router = Router(endpoints, redirect_slashes=False)
    return Guard(router, gate, open_paths=open_paths, operators=operators, others=others)


def pages_app(*, settings: Settings, host: str, port: int, token: str | None, source: Source) -> ASGIApp:
    """The pages alone."""
    gate = _gate(settings, host, port, _page_methods(has_status=True))
    operators = LocalToken(token)
    endpoints = Pages(source, settings, operators.is_trusted).routes(has_status=True)
    return Guard(Router(endpoints, redirect_slashes=False), gate, open_paths=OPEN_PATHS, operators=operators)


def _page_methods(has_status: bool) -> dict[str, tuple[str, ...]]:
    paths = (*pages.PROBE_PATHS, pages.STATUS_PATH) if has_status else pages.PROBE_PATHS
    return dict.fromkeys(paths, pages.METHODS)


def _gate(settings: Settings, host: str, port: int, routes: Mapping[str, tuple[str, ...]]) -> Gate:
    return Gate(
        hosts=own_hosts(host, port, settings.http.allowed_hosts),
        origins=own_origins(host, port, settings.http.allowed_origins),
        routes=routes,
        max_body_bytes=settings.limits.max_message_bytes,
    )
