"""One client's session, driven: its calls go to the dispatcher, its answers to whoever asked."""

from collections.abc import Callable
from functools import partial

from filewarden.broker.call import DEAF, Call, Hearing
from filewarden.broker.caller import Caller
from filewarden.broker.protocol.actions import (
    AwaitAnswers,
    CancelCall,
    EndListen,
    Exchange,
    Listen,
    NoteUnread,
    Send,
    StartCall,
    TaskRequest,
    Unwatch,
    Watch,
)
from filewarden.broker.protocol.errors import ErrorCode, ProtocolError
from filewarden.broker.protocol.jsonrpc import Batch, Message
from filewarden.broker.protocol.outcome import Asked, Failed, Outcome, Reason, Succeeded
from filewarden.broker.protocol.principal import WRITE_SCOPE, Principal
from filewarden.broker.protocol.revisions import Era
from filewarden.broker.protocol.session import Session
from filewarden.broker.protocol.shape import resource_error
from filewarden.broker.protocol.terms import Terms
from filewarden.broker.run import Run
from filewarden.broker.seal import BadSealError
from filewarden.broker.services import Services
from filewarden.broker.sink import Sink
from filewarden.broker.subscriptions import Subscriptions
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.note_level import NoteLevel
from filewarden.workers.task_use import AT_ONCE, WHEN_SLOW
from filewarden.workers.wire import Note, Remark

LIST_RESOURCES = "resources/list"


class Conversation:
    """A session and the calls that run for it. `notify` takes frames that belong to no request (legacy clients)."""

    def __init__(
        self, *, session: Session, services: Services, caller: Caller, notify: Callable[[bytes], None] | None = None
    ) -> None:
        self.session = session
        self._services = services
        self._caller = caller
        self._runs: dict[int, Run] = {}
        """The calls under way, by the identity of the action that started each."""
        self._usual_hearing: Hearing = DEAF
        self._usual_terms: Terms | None = None
        """Those of the latest call without progress, and what it hears and can be asked: mostly the next one's too."""
        self._subscriptions = Subscriptions(services.abilities, notify, services.lookouts(caller))
        self._is_listening = notify is not None
        self._is_closed = False
        if self._is_listening:
            services.announcements.join(self._subscriptions, caller.principal.key)

    @property
    def client(self) -> str:
        """The id of the client that it is with."""
        return self._caller.client

    @property
    def principal(self) -> Principal:
        """Whom it is with."""
        return self._caller.principal

    @property
    def in_flight(self) -> int:
        """How many requests wait for an answer; those that opened subscriptions do not."""
        return len(self.session.in_flight) - len(self._subscriptions.all())

    def speak_for(self, principal: Principal) -> None:
        """What comes now is said with the rights that `principal` has now; it is the same one as ever."""
        if principal is not self._caller.principal:
            self._caller = Caller(self._caller.client, principal)

    # Frames.

    def receive(self, frame: bytes, sink: Sink) -> None:
        """Take a frame as it came from the client."""
        exchange = self.session.receive(frame)
        exchange.sink = sink
        self._perform(exchange)

    def accept(self, message: Message | Batch, sink: Sink) -> None:
        """Take a frame that the transport had to decode itself."""
        exchange = self.session.accept(message)
        exchange.sink = sink
        self._perform(exchange)

    def refuse(self, error: ProtocolError, sink: Sink) -> None:
        """Answer a frame that the transport refused to read."""
        exchange = self.session.refuse(error)
        exchange.sink = sink
        self._perform(exchange)

    def end_subscriptions(self) -> None:
        """The server stops: every subscription ends with its result."""
        for listen in self._subscriptions.all():
            self._subscriptions.end(listen)
            self._go_on(self.session.end_listen(listen))

    def end_questions(self, reason: str) -> None:
        """What waits for an answer of this client goes on without one."""
        for question in self.session.questions:
            self._go_on(self.session.give_up((question,), reason))

    def close(self) -> None:
        """The client is gone: its calls end without an answer."""
        self._is_closed = True
        self._services.announcements.leave(self._subscriptions)
        self._subscriptions.close()
        owing = self.session.close()
        for run in list(self._runs.values()):
            run.cancel()
        self._runs.clear()
        for exchange in owing:
            exchange.sink.answer(None, exchange.status)

    # Exchanges.

    def _perform(self, exchange: Exchange) -> None:
        if exchange.actions:
            self._act(exchange)
        if exchange.running or exchange.sink is None:  # there is more to come, or it was answered before
            return
        sink: Sink = exchange.sink
        exchange.sink = None
        if not self._subscriptions.is_legacy_open:
            self._subscriptions.is_legacy_open = self.session.revision is not None
        sink.answer(exchange.answer, exchange.status)

    def _go_on(self, exchange: Exchange | None) -> None:
        """Something that was under way has ended, or led to something else."""
        if exchange is not None and not self._is_closed:
            self._perform(exchange)

    def _act(self, exchange: Exchange) -> None:
        while exchange.actions:
            action = exchange.actions.pop(0)
            match action:
                case StartCall():
                    self._start(action)
                case Send():
                    exchange.sink.send(action.frame)
                case CancelCall():
                    self._cancel(action)
                case AwaitAnswers():
                    self._await_answers(action)
                case Listen():
                    self._listen(action, exchange)
                case EndListen():
                    self._subscriptions.end(action.listen)
                    self._go_on(action.ended)
                case _:
                    self._act_without_call(action)

    def _act_without_call(self, action: TaskRequest | Watch | Unwatch | NoteUnread) -> None:
        match action:
            case TaskRequest():
                result = self._services.tasks.handle(action, self._caller.principal.key)
                self._go_on(self.session.resolve(action, result))
            case NoteUnread():
                self._services.dispatcher.note_unread(self._caller, action.tool)
            case Watch() | Unwatch():
                self._watch(action)

    # Calls.

    def _start(self, start: StartCall) -> None:
        tool = self._services.catalogue.operation(start.operation)
        if tool is None:  # the session offers only what the catalogue has
            raise KeyError(start.operation)
        if tool.writes and not self._caller.principal.has(WRITE_SCOPE):  # the transport has told already
            self._services.dispatcher.note_refused(self._caller, tool, start, _NOT_GRANTED)
            self._go_on(self.session.complete(start, _NOT_GRANTED))
            return
        if start.operation == LIST_RESOURCES and start.terms.revision.era is Era.LEGACY:
            self._subscriptions.has_listed()
        services = self._services
        run = Run(start, tool, self._caller, services.dispatcher, services.vouchers, self._settle)
        self._runs[id(start)] = run
        if start.task is AT_ONCE:
            self._make_task(run)
        try:
            is_usual = start.terms is self._usual_terms and start.progress_token is None
            run.begin(self._usual_hearing if is_usual else self._hearing_of(start))
        except ToolFailure as failure:
            refusal = Failed(failure.code, failure.message, failure.details)
            services.dispatcher.note_refused(self._caller, tool, start, refusal)
            run.settle(run, refusal)
        except BadSealError:
            services.dispatcher.note_refused(self._caller, tool, start, _BAD_INPUTS)
            if self._runs.pop(id(start), None) is None:  # it is a task already
                run.settle(run, _BAD_INPUTS)
            self._go_on(self.session.resolve(start, _BAD_STATE))
        if start.task is WHEN_SLOW and id(start) in self._runs:
            services.reactor.at(services.reactor.now() + services.task_after_s, lambda: self._make_task(run))

    def _settle(self, run: Run, outcome: Outcome) -> None:
        self._runs.pop(id(run.start), None)
        if not isinstance(outcome, Succeeded):
            self._note(run, outcome)
        self._go_on(self.session.complete(run.start, outcome))

    def _note(self, run: Run, outcome: Failed | Asked) -> None:
        if isinstance(outcome, Failed) and outcome.code in _WORTH_A_NOTE:
            self._pass_on(run.start, Note(0, NoteLevel.WARNING, f"{run.tool.name}: {outcome.message}"))

    def _hearing_of(self, start: StartCall) -> Hearing:
        terms = start.terms
        if start.progress_token is not None:
            return Hearing(self._overhear, True, terms.log_level, terms.askable)
        self._usual_terms = terms
        self._usual_hearing = Hearing(self._overhear, False, terms.log_level, terms.askable)
        return self._usual_hearing

    def _overhear(self, call: Call, aside: Remark) -> None:
        if call.origin is not None:
            self._pass_on(call.origin, aside)

    def _pass_on(self, start: StartCall, aside: Remark) -> None:
        exchange = self.session.exchange_of(start)
        frame = self.session.aside(start, aside)
        if exchange is not None and frame is not None and exchange.sink is not None:
            exchange.sink.tell(frame)

    def _cancel(self, cancel: CancelCall) -> None:
        run = self._runs.pop(id(cancel.call), None)
        if run is not None:
            run.cancel()
        self._go_on(cancel.ended)

    def _await_answers(self, action: AwaitAnswers) -> None:
        reactor = self._services.reactor
        questions = action.questions  # not their call, which may be large and over long before
        reactor.at(
            reactor.now() + self._services.ask_s,
            lambda: self._go_on(self.session.give_up(questions, "nobody answered in time")),
        )

    def _make_task(self, run: Run) -> None:
        """Answer the request with a task, unless it was answered meanwhile; the run goes on without this client."""
        if self._runs.get(id(run.start)) is not run or not self.session.is_running(run.start):
            return
        created = self._services.tasks.adopt(run)
        if created is not None:
            del self._runs[id(run.start)]
            self._go_on(self.session.resolve(run.start, created))

    # Subscriptions.

    def _listen(self, listen: Listen, exchange: Exchange) -> None:
        principal = self._caller.principal.key
        if not self._services.announcements.has_room(principal):
            self._go_on(self.session.resolve(listen, _TOO_MANY_LISTENS))
            return
        tasks = self._services.tasks.known(listen.wanted.tasks, principal)
        self._services.announcements.join(self._subscriptions, principal)
        self._subscriptions.open(listen, exchange.sink, tasks)

    def _watch(self, action: Watch | Unwatch) -> None:
        if isinstance(action, Watch):
            self._subscriptions.watch(action.uri, partial(self._watched, action))
        else:
            self._subscriptions.unwatch(action.uri)
            self._watched(action, None)

    def _watched(self, action: Watch | Unwatch, failure: Failed | None) -> None:
        """It is as asked, or cannot be."""
        error = None if failure is None else resource_error(failure, action.uri, action.terms.revision)
        self._go_on(self.session.resolve(action, error or {}))


_NOT_GRANTED = Failed(
    Code.ACCESS_DENIED, f"Access denied: writing needs the scope {WRITE_SCOPE}.", {}, Reason.NOT_GRANTED
)
_WORTH_A_NOTE = (Code.TIMEOUT, Code.MEMORY_LIMIT, Code.WORKER_CRASHED)
_BAD_INPUTS = Failed(
    Code.INVALID_ARGUMENT,
    "requestState is unknown, expired, used before, or belongs to another request; start again without",
    {},
)
_BAD_STATE = ProtocolError(ErrorCode.INVALID_PARAMS, f"Invalid params: {_BAD_INPUTS.message}")
_TOO_MANY_LISTENS = ProtocolError(
    ErrorCode.INVALID_PARAMS, "Invalid params: too many subscriptions are open here; end one first"
)
