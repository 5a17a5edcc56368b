"""Streamable HTTP at `/mcp`, for both eras: each request is read once and goes the way of its era."""

from functools import partial

from starlette.types import Receive, Scope, Send

from filewarden.broker.protocol.jsonrpc import AnyRequest, Batch, Malformed, Message, decode
from filewarden.broker.protocol.response import error_response
from filewarden.broker.protocol.revisions import MODERN_VERSIONS
from filewarden.transports.http.answer import TOO_MUCH, Answer, problem, send_answer
from filewarden.transports.http.authentication import principal_of
from filewarden.transports.http.body import BodyReader, BusyError, GoneError, TooLargeError
from filewarden.transports.http.era import Way, way_of
from filewarden.transports.http.fields import EVENTS, JSON, accepts, fields_of
from filewarden.transports.http.gate import too_large
from filewarden.transports.http.legacy import SESSION_ID, Legacy
from filewarden.transports.http.modern import Modern
from filewarden.transports.http.peer import peer_of
from filewarden.transports.http.reply import Reply, deliver
from filewarden.transports.http.rights import Refuse
from filewarden.transports.http.routing_headers import VERSION
from filewarden.transports.http.visitor import Visitor

METHODS = ("GET", "POST", "DELETE")
_NO_SESSION = "a session id is required; open a session with initialize"


class Streamable:
    """The endpoint as an ASGI application."""

    def __init__(self, legacy: Legacy, modern: Modern, bodies: BodyReader, refuse: Refuse) -> None:
        self._legacy = legacy
        self._modern = modern
        self._bodies = bodies
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request that the guard let through."""
        if scope["method"] != "POST":
            await self._without_body(scope, receive, send)
            return
        fields = fields_of(scope)
        if not (accepts(fields, JSON) and accepts(fields, EVENTS)):
            await send_answer(send, problem(406, "Accept must admit application/json and text/event-stream"))
            return
        visitor = Visitor(peer_of(scope), principal_of(scope), fields, scope["headers"])
        if visitor.principal.expires_at is None and (SESSION_ID in fields or VERSION in fields):
            reply_to, owner = partial(self.reply_to, visitor), visitor.principal.key
            visitor.peer.remember(scope, reply_to, owner, fields.get(SESSION_ID))
        try:
            body = await self._bodies.read(receive)
        except TooLargeError:
            await send_answer(send, too_large(self._bodies.limit_bytes, fields))
        except BusyError:
            await send_answer(send, TOO_MUCH)
        except GoneError:
            return
        else:
            await deliver(self.reply_to(visitor, body), receive, send)

    def reply_to(self, visitor: Visitor, body: bytes) -> Answer | Reply:
        """Begin to answer a body that came with a head that was let through."""
        if len(body) > self._bodies.limit_bytes:
            return too_large(self._bodies.limit_bytes, visitor.fields)
        message = decode(body)
        refusal = self._refuse(visitor.principal, message)
        if refusal is not None:
            return refusal
        fields = visitor.fields
        match way_of(fields.get(VERSION), fields.get(SESSION_ID), message):
            case Way.MODERN:
                return self._modern.reply_to(message, visitor)
            case Way.SESSION:
                return self._legacy.reply_to(message, visitor)
            case Way.OPENING:
                return self._legacy.opened(visitor.principal, message)
            case Way.LOST:
                return _lost(message)

    async def _without_body(self, scope: Scope, receive: Receive, send: Send) -> None:
        fields = fields_of(scope)
        refusal = self._refuse(principal_of(scope), None)
        way = way_of(fields.get(VERSION), fields.get(SESSION_ID), None)
        if refusal is not None:
            await send_answer(send, refusal)
        elif way is Way.MODERN:
            await send_answer(send, _only_post(fields.get(VERSION, b"")))
        elif way is Way.LOST:
            await send_answer(send, problem(400, _NO_SESSION))
        elif scope["method"] == "GET":
            await self._legacy.listen(scope, receive, send)
        else:
            await send_answer(send, self._legacy.delete(scope))


def _only_post(version: bytes) -> Answer:
    if version.decode("latin-1") not in MODERN_VERSIONS:
        return problem(400, "this protocol version is not served")
    return problem(405, "this protocol version knows only POST", (b"allow", b"POST"))


def _lost(message: Message | Batch) -> Answer:
    """What no session takes; a body that is no message at all is told so."""
    if isinstance(message, Malformed):
        return Answer(400, error_response(message.error, message.id))
    return problem(400, _NO_SESSION, request_id=message.id if isinstance(message, AnyRequest) else None)
