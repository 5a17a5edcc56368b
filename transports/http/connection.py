"""One HTTP connection: requests with a head that was let in before are answered at once, others by uvicorn.

What comes in one piece, and is one whole request with such a head, needs neither the parser nor a task. Every other
request, and every stream, goes the way of uvicorn's protocol. Either way it waits for its turn.
"""

import asyncio
from collections.abc import Callable, Hashable
from functools import partial

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from filewarden.transports.http.answer import CLOSE, Answer, on_the_wire
from filewarden.transports.http.bounded import BoundedConnection
from filewarden.transports.http.changing import EDITION_KEY, Changing
from filewarden.transports.http.fields import fields_of
from filewarden.transports.http.known_head import KnownHead, learn
from filewarden.transports.http.listener_state import ListenerState
from filewarden.transports.http.reading import ConnectionLimits
from filewarden.transports.http.reply import Reply, ReplyTo, deliver
from filewarden.transports.http.turnstile import Turnstile
from filewarden.transports.http.unread import Unread
from filewarden.transports.http.uvicorn_parts import Config, RequestResponseCycle
from filewarden.transports.http.visit import Visit

MOST_HEADS = 8
"""How many heads of a connection are remembered: a client of the modern era has one for each tool."""
PIECE_KEY = "filewarden.piece"


class _Remembered(msgspec.Struct, frozen=True):
    """A head, what answers whatever comes with it, the application that let it in, and whose turn it takes."""

    head: KnownHead
    reply_to: ReplyTo
    edition: object
    principal: Hashable
    sender: Hashable


class Connection(BoundedConnection):
    """Answers what it can by itself; `changing` is the application, which hears of everything else."""

    cycle: RequestResponseCycle | Visit | None  # type: ignore[assignment]

    def __init__(
        self,
        config: Config,
        state: ListenerState,
        loop: asyncio.AbstractEventLoop,
        limits: ConnectionLimits,
        on_lost: Callable[[], None],
        turn_away: Callable[[str], None],
        *,
        unread: Unread,
        changing: Changing,
        turnstile: Turnstile,
    ) -> None:
        super().__init__(config, state, loop, limits, on_lost, turn_away, unread)
        self._changing = changing
        self._turnstile = turnstile
        self._piece: bytes | None = None
        """What came in one piece, as long as no request was found in it."""
        self._known: list[_Remembered] = []
        self._visit: Visit | None = None
        self._rests_since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin; what goes wrong in whatever the loop tells ends this connection alone."""
        self.transport = transport
        self.loop.run(super().connection_made, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave nothing under way that ends with the client."""
        self.loop.run(self._leave_visit)
        self._known.clear()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not read."""
        self.loop.run(super().pause_writing)

    def resume_writing(self) -> None:
        """It does read. Where that fails the end comes a turn later: asyncio would close the transport twice."""
        try:
            super().resume_writing()
        except Exception as error:
            self.loop.call_soon(self._fail, error)

    def data_received(self, data: bytes) -> None:
        """Answer what is known, and let everything else be parsed."""
        try:
            if not (self._known and self.is_at_rest and self._answer_known(data)):
                self._parse(data)
        except Exception as error:
            self._fail(error)

    def _parse(self, data: bytes) -> None:
        self._piece = None if self._is_request_open else data
        super().data_received(data)
        self._piece = None

    def on_message_begin(self) -> None:
        """A request starts: the first one in a piece may be all of it."""
        super().on_message_begin()
        self.scope[PIECE_KEY] = self._piece  # type: ignore[literal-required]
        self._piece = None

    def remember(self, scope: Scope, reply_to: ReplyTo, principal: Hashable = None, sender: Hashable = None) -> None:
        """Whatever comes with the very head of this request may be answered by `reply_to` at once, unread."""
        piece: bytes | None = scope[PIECE_KEY]
        head = None if piece is None else learn(piece, fields_of(scope), len(scope["headers"]))
        if head is not None:
            sender = self.number if sender is None else sender
            self._known.insert(0, _Remembered(head, reply_to, scope.get(EDITION_KEY), principal, sender))
            del self._known[MOST_HEADS:]

    def _answer_known(self, data: bytes) -> bool:
        """Answer a whole request whose head is known; whether it was one."""
        for known in self._known:
            body = known.head.body_in(data)
            if body is not None and known.edition is self._changing.app:
                self._visit = self.cycle = visit = Visit()
                self._turnstile.enter(known.principal, known.sender, partial(self._begin, visit, known.reply_to, body))
                return True
        return False

    def _begin(self, visit: Visit, reply_to: ReplyTo, body: bytes) -> None:
        if visit.disconnected:
            return
        try:
            reply = reply_to(body)
            if isinstance(reply, Answer):
                self._end_visit(visit, reply)
            else:
                visit.reply = reply
                reply.when_decided(partial(self._go_on, visit, reply))
        except Exception as error:
            self._fail(error)

    def _go_on(self, visit: Visit, reply: Reply) -> None:
        """It is known what the reply is."""
        try:
            if reply.plain is None and reply.stream is not None and not visit.disconnected:
                self._stream(visit, reply)
                return
            if reply.plain is not None:
                self._end_visit(visit, reply.plain)
            reply.close()
        except Exception as error:
            self._fail(error)

    def _end_visit(self, visit: Visit, answer: Answer) -> None:
        visit.response_started = visit.response_complete = True
        self._visit = None
        if visit.disconnected or self.transport.is_closing():
            return
        closes = not visit.keep_alive or self.server_state.is_leaving or CLOSE in answer.headers
        self._gathering.write_whole(on_the_wire(answer, closes=closes))
        self._rests_since = self.loop.time()
        if closes:
            self.transport.close()
        elif self.pipeline or self.timeout_keep_alive_task is None:
            self.on_response_complete()

    def _stream(self, visit: Visit, reply: Reply) -> None:
        """From here on it is a task of uvicorn's."""
        self._visit = None
        self._unset_keepalive_if_required()
        cycle = RequestResponseCycle(
            scope={"type": "http", "method": "POST", "http_version": "1.1"},  # type: ignore[typeddict-item]
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=visit.keep_alive,
            on_response=self.on_response_complete,
        )
        if self.cycle is visit:
            self.cycle = cycle
        self._answering = cycle

        async def app(_scope: Scope, receive: Receive, send: Send) -> None:
            await deliver(reply, receive, send)

        super()._start_asgi_task(cycle, app)  # type: ignore[arg-type]

    def _leave_visit(self) -> None:
        """Nobody is there for what is under way."""
        visit, self._visit = self._visit, None
        if isinstance(self.cycle, Visit):
            self.cycle = None
        if visit is not None:
            visit.leave()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGIApp) -> None:  # type: ignore[override]
        """When it is its turn."""
        self._answering = cycle
        self._turnstile.enter(None, self.number, partial(self.loop.run, super()._start_asgi_task, cycle, app))

    def timeout_keep_alive_handler(self) -> None:
        """Nothing has come for a while: since the latest answer, whoever has set the timer."""
        self.timeout_keep_alive_task = None
        left_s = self._rests_since + self.timeout_keep_alive - self.loop.time()
        if self._visit is not None or left_s > 0:
            later_s = left_s if self._visit is None else self.timeout_keep_alive
            self.timeout_keep_alive_task = self.loop.call_later(later_s, self.timeout_keep_alive_handler)
        else:
            super().timeout_keep_alive_handler()

    def _refuse(self, answer: Answer) -> None:
        if not self._is_answering_whole:
            self._leave_visit()
        super()._refuse(answer)
