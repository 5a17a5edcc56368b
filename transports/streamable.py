"""Streamable HTTP at `/mcp`: one message in, one JSON answer out, in sessions that `initialize` opens.

A client that disconnects cancels nothing (legacy revisions): its call runs on, and the answer is dropped.
"""

import asyncio

from starlette.types import Receive, Scope, Send

from filewarden.broker.protocol.errors import RequestId
from filewarden.broker.protocol.jsonrpc import Batch, Malformed, Message, Request, decode
from filewarden.broker.protocol.principal import Principal
from filewarden.broker.protocol.response import encode, error_response
from filewarden.transports.answer import RETRY_AFTER, TOO_MUCH, Answer, problem, send_answer
from filewarden.transports.authentication import principal_of
from filewarden.transports.body import BodyReader, BusyError, GoneError, TooLargeError
from filewarden.transports.era import Way, way_of
from filewarden.transports.fields import EVENTS, JSON, Fields, accepts, fields_of
from filewarden.transports.gate import too_large
from filewarden.transports.rights import Refuse
from filewarden.transports.sessions import HttpSession, Sessions

METHODS = ("POST", "DELETE")
SESSION_ID = b"mcp-session-id"
VERSION = b"mcp-protocol-version"
CANCELLED_CODE = -32800
"""Ends the HTTP exchange of a cancelled request, which has no response: outside the reserved range, as LSP has it."""
_NO_SESSION = "a session id is required; open a session with initialize"
_UNKNOWN_SESSION = "there is no such session, or it has ended; open another with initialize"
_NOT_MODERN = "this endpoint is opened with initialize, in one of the revisions up to 2025-11-25"


class Streamable:
    """The endpoint as an ASGI application."""

    def __init__(self, sessions: Sessions, bodies: BodyReader, refuse: Refuse) -> None:
        self._sessions = sessions
        self._bodies = bodies
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request that the guard let through."""
        fields, principal = fields_of(scope), principal_of(scope)
        try:
            if scope["method"] == "DELETE":
                answer = self._delete(fields, principal)
            elif not (accepts(fields, JSON) and accepts(fields, EVENTS)):
                answer = problem(406, "Accept must admit application/json and text/event-stream")
            else:
                answer = await self._post(fields, principal, await self._bodies.read(receive))
        except TooLargeError:
            answer = too_large(self._bodies.limit_bytes, fields)
        except BusyError:
            answer = TOO_MUCH
        except GoneError:
            return
        await send_answer(send, answer)

    def _delete(self, fields: Fields, principal: Principal) -> Answer:
        refusal = self._refuse(principal, None)
        if refusal is not None:
            return refusal
        way = way_of(fields.get(VERSION), fields.get(SESSION_ID), None)
        if way is Way.MODERN:
            return problem(405, "this protocol version knows only POST", (b"allow", b"POST"))
        if way is Way.LOST:
            return problem(400, _NO_SESSION)
        session = self._session(fields, principal)
        if isinstance(session, Answer):
            return session
        self._sessions.end(session)
        return Answer(204)

    async def _post(self, fields: Fields, principal: Principal, body: bytes) -> Answer:
        message = decode(body)
        refusal = self._refuse(principal, message)
        if refusal is not None:
            return refusal
        match way_of(fields.get(VERSION), fields.get(SESSION_ID), message):
            case Way.SESSION:
                session = self._session(fields, principal)
                return session if isinstance(session, Answer) else await self._converse(session, message)
            case Way.OPENING:
                return self._open(message, principal)
            case Way.MODERN:
                return _unserved(message, _NOT_MODERN)
            case Way.LOST:
                return _unserved(message, _NO_SESSION)

    def _session(self, fields: Fields, principal: Principal) -> HttpSession | Answer:
        session = self._sessions.find(fields.get(SESSION_ID, b""), principal)
        if session is None:
            return problem(404, _UNKNOWN_SESSION)
        version = fields.get(VERSION)
        if version is not None and version.decode("latin-1") != session.revision:
            return problem(400, f"this session speaks protocol version {session.revision}")
        return session

    def _open(self, message: Message | Batch, principal: Principal) -> Answer:
        if self._sessions.is_full:
            return problem(503, "too many sessions are open (http.max_sessions)", RETRY_AFTER)
        session = self._sessions.mint(principal)
        reply = _Reply()
        session.conversation.accept(message, reply)  # initialize is answered at once
        answer = Answer(200, reply.frame or b"")
        if not session.revision:
            return answer
        self._sessions.keep(session)
        return Answer(answer.status, answer.body, ((SESSION_ID, session.id.encode()),))

    async def _converse(self, session: HttpSession, message: Message | Batch) -> Answer:
        reply = _Reply()
        session.conversation.accept(message, reply)
        await reply.is_there.wait()
        if reply.frame is not None:
            return Answer(reply.status, reply.frame)
        return Answer(200, _cancelled(message.id)) if isinstance(message, Request) else Answer(202)


class _Reply:
    """The answer of one exchange, once it is there; what comes before it has no way to the client yet."""

    def __init__(self) -> None:
        self.is_there = asyncio.Event()
        self.frame: bytes | None = None
        self.status = 200

    def send(self, frame: bytes) -> None:
        """There is no stream to send it on."""

    def answer(self, frame: bytes | None, status: int) -> None:
        """Keep it."""
        self.frame, self.status = frame, status
        self.is_there.set()


def _unserved(message: Message | Batch, sentence: str) -> Answer:
    """What no session takes; a body that is no message at all is told so."""
    if isinstance(message, Malformed):
        return Answer(400, error_response(message.error, message.id))
    return problem(400, sentence, request_id=message.id if isinstance(message, Request) else None)


def _cancelled(request_id: RequestId) -> bytes:
    error = {"code": CANCELLED_CODE, "message": "Request cancelled"}
    return encode({"jsonrpc": "2.0", "id": request_id, "error": error})
