"""An application in whose place another can be put while connections are open."""

from collections.abc import Awaitable

from starlette.types import ASGIApp, Receive, Scope, Send

EDITION_KEY = "filewarden.edition"
"""Where a request has the application that answers it: what was decided by one means nothing to the next."""


class Changing:
    """Stands for the application of this moment."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Let the one of this moment answer."""
        scope[EDITION_KEY] = self.app
        return self.app(scope, receive, send)
