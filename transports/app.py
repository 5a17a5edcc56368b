"""The ASGI applications: endpoints by path behind their guard, one application for each listener."""

from collections.abc import Mapping

from starlette.routing import Route, Router
from starlette.types import ASGIApp

from filewarden.broker.holdings import Holdings
from filewarden.config.settings import Settings
from filewarden.transports import pages, streamable
from filewarden.transports.authentication import LocalToken
from filewarden.transports.body import BodyReader
from filewarden.transports.gate import Gate, own_hosts, own_origins
from filewarden.transports.guard import Guard
from filewarden.transports.pages import Pages, Source
from filewarden.transports.sessions import Sessions
from filewarden.transports.sse import MessageEndpoint, SseClients, SseEndpoint
from filewarden.transports.streamable import Streamable

OPEN_PATHS = frozenset(pages.PROBE_PATHS)


def mcp_app(
    *,
    settings: Settings,
    port: int,
    token: str | None,
    source: Source,
    sessions: Sessions,
    clients: SseClients,
    holdings: Holdings,
) -> ASGIApp:
    """Everything that the main listener serves. `/status` is on it unless it has an address of its own, or none."""
    has_status = settings.status.address == "auto"
    methods = {"/mcp": streamable.METHODS, "/sse": ("GET",), "/message": ("POST",), **_page_methods(has_status)}
    gate = _gate(settings, settings.http.host, port, methods)
    operators = LocalToken(token)
    bodies = BodyReader(settings.limits.max_message_bytes, holdings)
    endpoints = [
        Route("/mcp", Streamable(sessions, bodies)),
        Route("/message", MessageEndpoint(clients, bodies)),
        Route("/sse", SseEndpoint(clients)),
        *Pages(source, settings, operators.is_trusted).routes(has_status=has_status),
    ]
    return Guard(Router(endpoints, redirect_slashes=False), gate, open_paths=OPEN_PATHS, operators=operators)


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
