"""One HTTP connection with bounds on how many there may be, and on how long a client takes to send and to read."""

import asyncio
import contextlib
import itertools
import os
from collections.abc import Callable, Hashable

from filewarden.transports.http.answer import RETRY_AFTER, Answer, on_the_wire, problem
from filewarden.transports.http.backlog import Backlog, cut
from filewarden.transports.http.gathering import GatheringTransport
from filewarden.transports.http.listener_state import ListenerState
from filewarden.transports.http.own_loop import OwnLoop
from filewarden.transports.http.reading import ConnectionLimits, ReadingConnection, too_large_head
from filewarden.transports.http.unread import Unread
from filewarden.transports.http.uvicorn_parts import Config, RequestResponseCycle

LINGER_S = 1.0
READ_AT_ONCE = 256 * 1024
"""Of what waits in a connection that has to make way."""
TOO_MANY, SLOW_SENDER, SLOW_READER = "connections", "slow_sender", "slow_reader"
"""Why a connection was refused or dropped, as the status counts it."""
_NUMBERS = itertools.count(1)
_LINE_ENDS = b"\r\n"
_TOO_MANY_OPEN = problem(503, "too many connections are open", RETRY_AFTER)


class BoundedConnection(ReadingConnection):
    """Refuses connections that are too many, and clients that are too slow."""

    server_state: ListenerState
    loop: OwnLoop  # type: ignore[assignment]

    def __init__(
        self,
        config: Config,
        state: ListenerState,
        loop: asyncio.AbstractEventLoop,
        limits: ConnectionLimits,
        on_lost: Callable[[], None],
        turn_away: Callable[[str], None],
        unread: Unread,
    ) -> None:
        super().__init__(config, state, OwnLoop(loop, self._fail), limits)
        self.number = next(_NUMBERS)
        self._on_lost = on_lost
        self._turn_away = turn_away
        self._unread = unread
        self._is_surplus = False
        self._is_lingering = False
        self._is_trusted = False
        self._answering: RequestResponseCycle | None = None
        """What is answered now, or was last: `cycle` is what was asked last."""
        self._followers: list[Callable[[], None]] = []
        self._patience: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count it. Where it is one too many, a stranger makes way.

        Where there is none, it is told so when it speaks; and far too many are not even heard.
        """
        super().connection_made(transport)
        self.flow = self._backlog = Backlog(transport)
        self.transport = self._gathering = GatheringTransport(transport, self.loop)
        self._gathering.on_unsent = self._await_reader
        count = len(self.connections)
        self._is_surplus = count > self._limits.connections and not self.server_state.displace()
        if self._is_surplus:
            self._turn_away(TOO_MANY)
        else:
            self.server_state.came(self)
        self._patience = self.loop.call_later(self._limits.request_s, self._lose_patience)
        if count > 2 * self._limits.connections:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave no timer behind, and no cycle of references: memory is free at once, not when the collector comes.

        Whatever goes wrong in one step, all the others are done.
        """
        timers = (self._unset_keepalive_if_required, self._end_patience, self._end_stall)
        followers, self._followers = self._followers, []
        self.loop.run(super().connection_lost, exc)
        for step in (*timers, *followers, self._end_cycle, self._forget, self._on_lost):
            self.loop.run(step)

    def data_received(self, data: bytes) -> None:
        """Parse what came, within bounds."""
        if self._is_lingering:
            return
        if self._is_surplus:
            self._refuse(_TOO_MANY_OPEN)
            return
        if self._backlog.held or self.pipeline:
            self._backlog.hold(data)
            return
        if not self._is_request_open and data[:1] in _LINE_ENDS and not data.strip(_LINE_ENDS):
            return  # they may come before a request (RFC 9112, 2.2), but none has begun with them
        while data and not self.pipeline:
            piece, data = cut(data)
            self._take(piece)
            if self._is_over:
                return
        self._backlog.hold(data)

    @property
    def _is_over(self) -> bool:
        return self._is_lingering or self.transport.is_closing()

    def _take(self, data: bytes) -> None:
        if self._is_request_open:
            self._bare_bytes += len(data)
        self._feed(data)
        if self._is_over:
            return
        if self._is_request_open and self._bare_bytes > self._limits.head_bytes:  # one endless line is no callback
            self._refuse(too_large_head(self._limits))
        elif self._is_request_open and self._patience is None:
            self._patience = self.loop.call_later(self._limits.request_s, self._lose_patience)
        elif not self._is_request_open:
            self._end_patience()
            self._await_next()

    def on_response_complete(self) -> None:
        """The next request may be answered, or parsed."""
        super().on_response_complete()
        if self._backlog.held and not self.pipeline:
            self.loop.call_soon(self._parse_held)

    def _parse_held(self) -> None:
        if not (self.pipeline or self.transport.is_closing()):
            self.data_received(self._backlog.release())

    def pause_writing(self) -> None:
        """The client does not read; for a while that is fine."""
        super().pause_writing()
        self._stall = self.loop.call_later(self._limits.stalled_s, self._drop_slow_reader)
        self._unread.note(self, self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """It does read."""
        super().resume_writing()
        self._end_stall()
        self._unread.note(self, 0)

    def trust(self, principal: Hashable) -> None:
        """Keep it, though others come: what `principal` has sent over it was let in."""
        self._is_trusted = True
        is_over = self.transport.is_closing()  # it may have been lost, or made way, while we looked who it is
        if not (is_over or self._is_surplus):
            self.server_state.trust(self, principal, self._limits.most_of_one)

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is under way in either direction, so that a request can begin."""
        if self._is_request_open or self._is_lingering or self.flow.write_paused or self.transport.is_closing():
            return False
        return self.cycle is None or self.cycle.response_complete

    def make_way(self) -> None:
        """End it for another connection: anybody can open as many as there may be, and say nothing or not much.

        Whoever has asked something is told that it is not done, and it is not, for a body is read only where it was let
        in; nobody waits until they have read that. Who was refused already, and lingers, hears nothing more. Nor does
        whoever was let in before: what they have asked may be done by now.
        """
        self._turn_away(TOO_MANY)
        if self._is_trusted and self.is_at_rest:
            self.transport.close()
            self._linger()
            return
        if self._is_trusted or self._has_begun_to_answer or self.transport.get_write_buffer_size():
            self.transport.abort()
            return
        self._drop_answer()
        self._gathering.write_whole(on_the_wire(_TOO_MANY_OPEN))
        with contextlib.suppress(OSError):  # what came and is not read would have the kernel take that away again
            os.read(self.transport.get_extra_info("socket").fileno(), READ_AT_ONCE)
        self.transport.close()
        self._linger()

    def leave(self) -> None:
        """End it with the answer that is being made, and say so in it; one that has begun already is left alone."""
        if self.cycle is None:
            return
        if not self.cycle.response_started:
            self.cycle.keep_alive = False

    def drop(self) -> None:
        """End it, for clients leave too much unread: in the next turn, as this one may be about to send something."""
        self.loop.call_soon(self._drop_slow_reader)

    def abort(self) -> None:
        """End it at once, whatever still waits to be sent."""
        self.transport.abort()

    def when_lost(self, action: Callable[[], None]) -> None:
        """Run `action` once the connection is closed, by whichever side."""
        self._followers.append(action)

    def _refuse(self, answer: Answer) -> None:
        """Answer and close. What still arrives is taken for a moment: a reset would take the answer away again.

        Where another answer has begun, or is waited for, this one would be taken for a part of it; and where the rest
        of a body is wrong that was answered for already, for the answer to the next request. A request that came as a
        whole before is still answered, and nothing after it.
        """
        if self._has_begun_to_answer or self.transport.is_closing():
            self.transport.abort()
            return
        if self._is_answering_whole and self.cycle is not None:
            self._is_lingering = True
            self.cycle.keep_alive = False
            self._end_patience()
            return
        if self.pipeline:
            self.transport.abort()
            return
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.waiting_for_100_continue = False  # nothing may follow the answer
            self.cycle.message_event.set()
        self._is_lingering = True
        if not self._is_answered_early:
            self.transport.write(on_the_wire(answer))
        self.transport.write_eof()
        self._linger()

    def _linger(self) -> None:
        """Wait for the client to take the last of what was sent, but only for a moment."""
        self._end_patience()
        self._patience = self.loop.call_later(LINGER_S, self.transport.abort)

    @property
    def _has_begun_to_answer(self) -> bool:
        answering = self._answering
        return answering is not None and answering.response_started and not answering.response_complete

    @property
    def _is_answering_whole(self) -> bool:
        """Whether what was asked last came as a whole, and has no answer yet."""
        is_in_body = self._is_request_open and not self._is_head_open
        return self.cycle is not None and not self.cycle.response_complete and not is_in_body

    @property
    def _is_answered_early(self) -> bool:
        """Whether the request that is still arriving has its answer."""
        is_in_body = self._is_request_open and not self._is_head_open
        return is_in_body and self.cycle is not None and self.cycle.response_complete

    def _lose_patience(self) -> None:
        self._patience = None
        if self.flow.read_paused:  # we do not let it send
            self._patience = self.loop.call_later(self._limits.request_s, self._lose_patience)
        else:
            self._turn_away(SLOW_SENDER)
            self.transport.abort()

    def _fail(self, error: Exception) -> None:
        """A mistake of ours in what concerns this client alone."""
        self.logger.error("a connection could not go on", exc_info=error)
        self.transport.abort()

    def _end_cycle(self) -> None:
        self.cycle = self.scope = None  # type: ignore[assignment]
        self._drop_answer()

    def _drop_answer(self) -> None:
        """Whoever makes it hears that the client has left."""
        answering, self._answering = self._answering, None
        if answering is not None:
            answering.disconnected = True
            answering.message_event.set()

    def _forget(self) -> None:
        self.connections.discard(self)
        self._unread.note(self, 0)
        self.server_state.went(self)
        if isinstance(self.transport, GatheringTransport):
            self.transport.on_unsent = None

    def _drop_slow_reader(self) -> None:
        self._turn_away(SLOW_READER)
        self.transport.abort()

    def _await_next(self) -> None:
        """See that a connection that rests is closed some time: what came belonged to a request answered before."""
        if self.timeout_keep_alive_task is None and (self.cycle is None or self.cycle.response_complete):
            handler = self.timeout_keep_alive_handler
            self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, handler)

    def _await_reader(self) -> None:
        """It is closed once the client has taken the last of what was sent; for a while that is waited for."""
        self._end_patience()
        self._patience = self.loop.call_later(self._limits.stalled_s, self._drop_slow_reader)

    def _end_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _end_stall(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None
