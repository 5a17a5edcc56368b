"""The ASGI middleware before every endpoint: it asks the gate and who calls, and answers what may not pass."""

import asyncio
import time
from collections.abc import Callable, Mapping

from starlette.types import ASGIApp, Receive, Scope, Send

from filewarden.broker.protocol.principal import Principal
from filewarden.transports.http import authentication, fields
from filewarden.transports.http.answer import JSON, Answer, send_answer
from filewarden.transports.http.authentication import Authenticator
from filewarden.transports.http.fields import Fields, read_fields
from filewarden.transports.http.gate import Gate
from filewarden.transports.http.peer import peer_of

LONGEST_STREAM_S = 86_400.0
"""With a credential that expires at all. Timers for ages to come are not to be had everywhere."""
CHECK_AGAIN_S = 60.0
"""How long a stream goes on after its credential was withdrawn: the issuer may have given the key up that signed it."""


REASONS = {
    401: "http_credential",
    403: "http_origin",
    404: "http_path",
    405: "http_method",
    413: "http_size",
    415: "http_type",
    421: "http_host",
}
"""What a refusal is counted as, by its status."""
OTHER_REASON = "http_other"


class Guard:
    """Lets requests through to `app`, with their fields and their principal in the scope.

    Everything needs a credential but `open_paths`. `operators` says whose it may be, and `others` for single paths.
    `turn_away` hears why a request was not let through.
    """

    def __init__(
        self,
        app: ASGIApp,
        gate: Gate,
        *,
        open_paths: frozenset[str],
        operators: Authenticator,
        others: Mapping[str, Authenticator] | None = None,
        turn_away: Callable[[str], None] | None = None,
    ) -> None:
        self._app = app
        self._gate = gate
        self._open_paths = open_paths
        self._operators = operators
        self._others = others or {}
        self._turn_away = turn_away

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Decide by the head alone; nothing of the body has been read."""
        head = read_fields(scope["headers"])
        refusal = await self._refusal(scope, head)
        if refusal is not None:
            if self._turn_away is not None and refusal.media_type == JSON:  # the form is an invitation
                self._turn_away(REASONS.get(refusal.status, OTHER_REASON))
            await send_answer(send, refusal)
            return
        scope[fields.SCOPE_KEY] = head
        principal: Principal | None = scope.get(authentication.SCOPE_KEY)
        if principal is None or principal.expires_at is None:
            await self._app(scope, receive, send)
        else:
            await self._while_valid(principal.expires_at, scope, receive, send)

    async def _while_valid(self, expires_at: float, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, and end its connection when a stream outlives the credential that opened it."""
        loop = asyncio.get_running_loop()
        checks: list[asyncio.Task[None]] = []
        left_s = min(max(0.0, expires_at - time.time()), LONGEST_STREAM_S)
        ending = loop.call_later(left_s, peer_of(scope).abort)
        checking = loop.call_later(CHECK_AGAIN_S, lambda: checks.append(loop.create_task(self._check(scope))))
        try:
            await self._app(scope, receive, send)
        finally:
            ending.cancel()
            checking.cancel()
            for each in checks:
                each.cancel()

    async def _check(self, scope: Scope) -> None:
        """End the connection of a stream once nobody would be let in any more who brings what opened it.

        That nobody can be let in just now, for the issuer's keys cannot be had, says nothing of the credential.
        """
        head = fields.fields_of(scope)
        while not _is_withdrawn(await self._found(scope, head)):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(CHECK_AGAIN_S)
        peer_of(scope).abort()

    async def _found(self, scope: Scope, head: Fields) -> Principal | Answer:
        """Who sends it, or why they may not."""
        authenticator = self._others.get(scope["path"], self._operators)
        return await authenticator.authenticate(head, scope["query_string"])

    async def _refusal(self, scope: Scope, head: Fields) -> Answer | None:
        """The order is fixed: Host, Origin, path and method, credential, size, type. The earliest says the least."""
        method, path = scope["method"], scope["path"]
        refusal = self._gate.refusal(method, path, head)
        if refusal is not None:
            return refusal
        if path not in self._open_paths:
            found = await self._found(scope, head)
            if isinstance(found, Answer):
                return found
            scope[authentication.SCOPE_KEY] = found
            peer_of(scope).trust(found.key)
        return self._gate.body_refusal(method, path, head)


def _is_withdrawn(found: Principal | Answer) -> bool:
    """Whether the credential itself is refused: from 500 on, an answer tells of a trouble of ours (RFC 9110, 15.6)."""
    return isinstance(found, Answer) and found.status < 500
