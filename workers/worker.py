"""A worker's life: confine, connect, confine again, prove it, then one call at a time until it is killed."""

import mmap
import os
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from filewarden.workers import wire
from filewarden.workers.ahead import AHEAD_BYTES, pieces
from filewarden.workers.catalogue import Catalogue
from filewarden.workers.channel import Channel, ChannelClosedError
from filewarden.workers.context import Context
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.history.journal import Journal
from filewarden.workers.history.let_go import LetGo
from filewarden.workers.inquiry import NO_INPUTS, Inquiry
from filewarden.workers.joining import join
from filewarden.workers.known_tools import KnownTools
from filewarden.workers.paths.space import Space
from filewarden.workers.place import Place
from filewarden.workers.profile import Profile, Spawn
from filewarden.workers.reporter import SILENT, Reporter
from filewarden.workers.rules.protection import protection
from filewarden.workers.rules.write_rules import WriteRules
from filewarden.workers.shelf import Shelf, shelf_of
from filewarden.workers.tool import Content, Text

if TYPE_CHECKING:  # only where something is written
    from filewarden.workers.history.store import History
    from filewarden.workers.steps import Steps
    from filewarden.workers.writing.housekeeping import Housekeeper

BALLAST_BYTES = 8 * 1024 * 1024


class Worker:
    """One forked child of the zygote."""

    def __init__(self, catalogue: Catalogue, profile: Profile, place: Place) -> None:
        self._tools = KnownTools(catalogue)
        self._profile = profile
        self._place = place
        self._space = Space(place.roots, frozenset(profile.denied))
        writes = profile.writes
        self._writing = WriteRules(
            protection=protection(writes.protected if profile.role == "rw" else ()),
            durability=writes.durability,
            min_free_bytes=writes.min_free_bytes,
            max_file_bytes=writes.max_file_bytes,
        )
        self._history = _history(profile, place)
        self._let_go = LetGo(rests=True)
        self._shelf: Shelf | None = None
        self._most_body_bytes = wire.max_body_bytes(profile.limits.max_answer_chars)

    def run(self, spawn: Spawn, fds: list[int], zygote_pid: int) -> None:
        """Serve until the broker is gone.

        The first descriptor yields one byte once the endpoint is bound for our process id, and another is our shelf.
        """
        self._shelf = shelf_of(fds[1:])
        try:
            channel = join("fw-worker", self._profile, self._place, spawn, fds[0], zygote_pid)
            if channel is not None:
                self._serve(channel)
        except ChannelClosedError:
            return

    def _serve(self, channel: Channel) -> None:
        # Private memory that counts against the limit but costs nothing until it is written to, which it never is.
        ballast = mmap.mmap(-1, BALLAST_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        if self._profile.role == "rw":
            self._serve_changes(channel, ballast)
            return
        for call in _calls(channel):
            try:
                answer = self._perform(call, channel)
            except MemoryError:
                ballast.close()  # without it even a short send can fail; the broker replaces this worker
                answer = _memory_limit(call)
            channel.send(*answer)
            answer = ()  # or a large answer would be held until the next one
            if ballast.closed:
                return

    def _serve_changes(self, channel: Channel, ballast: mmap.mmap) -> None:
        """Likewise, where something is written."""
        from filewarden.workers.changes import Changes

        keeper = self._housekeeper()
        changes = Changes(channel, lambda call: self._in_steps(call, channel))
        while (made := changes.make()) is not None:
            if any(pieces is None for _, pieces in made):
                ballast.close()
            channel.send_all(_memory_limit(call) if pieces is None else pieces for call, pieces in made)
            if ballast.closed:
                return
            made.clear()  # or a large answer would be held until the next one
            self._let_go.rest()
            keeper.rest()

    def _housekeeper(self) -> "Housekeeper":
        """What puts in order, before the first call, what a worker before left half done."""
        from filewarden.workers.writing.housekeeping import SECONDS, Housekeeper, settle_history

        keeper = Housekeeper(self._space, self._profile.writes.trash)
        keeper.begin()
        settle_history(self._own_context(SECONDS))
        return keeper

    def _perform(self, call: wire.Call, channel: Channel) -> wire.Pieces:
        try:
            return self._fit(call, self._answer(call, self._run(self._context(call, channel), call), channel))
        except (MemoryError, ChannelClosedError):
            raise
        except Exception as error:
            return _refusal(call, error)

    def _answer(self, call: wire.Call, result: msgspec.Struct | Text | Content, channel: Channel) -> wire.Pieces:
        """The frame of an answer; a long text lies on the shelf, or has gone ahead."""
        if not isinstance(result, Text):
            return _answer(call, result)
        text = result.text
        if not isinstance(text, int):
            if len(text) <= AHEAD_BYTES:
                return wire.answer(call.call, result.told(), text)
            if self._shelf is not None and self._shelf.lay(text):
                text = len(text)
        if isinstance(text, int) and not callable(result.facts):
            return wire.answer(call.call, result.facts, text)
        for piece in (text,) if isinstance(text, int) else pieces(text):
            channel.send(*wire.beginning(call.call, piece))
        return wire.answer(call.call, result.told(), b"")

    def _in_steps(self, call: wire.Call, channel: Channel) -> "Steps[wire.Pieces]":
        """Likewise, beside others where the tool knows how."""
        from filewarden.workers.steps import ALONE

        try:
            context = self._context(call, channel)
            known = self._tools[call.tool]
            if known.steps is not None:
                return self._fit(call, _answer(call, (yield from known.steps(context, known.decode(call.arguments)))))
            yield ALONE
            return self._fit(call, _answer(call, self._run(context, call)))
        except (MemoryError, ChannelClosedError):
            raise
        except Exception as error:
            return _refusal(call, error)

    def _context(self, call: wire.Call, channel: Channel) -> Context:
        """What a call finds. One that reads finds little of what changes are made with."""
        soft_deadline, confirm = time.monotonic() + call.soft_s, self._profile.writes.confirm
        is_heard = call.wants_progress or call.log_level is not None
        reporter = _reporter(call, channel) if is_heard else SILENT
        inputs = wire.unpack_inputs(call.inputs) if call.inputs else NO_INPUTS
        if self._profile.role != "rw":
            return Context(
                self._space,
                self._profile.limits,
                soft_deadline,
                reporter,
                inputs,
                call.askable,
                confirm,
                shelf=self._shelf,
            )
        return Context(
            self._space,
            self._profile.limits,
            soft_deadline,
            reporter,
            inputs,
            call.askable,
            confirm,
            writing=self._writing,
            journal=Journal(self._history, call.tool, call.principal, call.mark, let_go=self._let_go),
        )

    def _own_context(self, seconds: float) -> Context:
        """Of work that no client has asked for."""
        return Context(
            space=self._space,
            limits=self._profile.limits,
            soft_deadline=time.monotonic() + seconds,
            writing=self._writing,
            journal=Journal(self._history, let_go=self._let_go),
        )

    def _run(self, context: Context, call: wire.Call) -> msgspec.Struct | Text | Content:
        known = self._tools[call.tool]
        return known.run(context, known.decode(call.arguments))

    def _fit(self, call: wire.Call, answer: wire.Pieces) -> wire.Pieces:
        """The answer, or the sentence that it is too long: the broker ends who says more beside a text or blocks."""
        size = len(answer[0])
        if size <= self._most_body_bytes or not self._tools[call.tool].is_shown:
            return answer
        raise ToolFailure(
            Code.TOO_LARGE,
            f"The answer has {size:,} bytes, and at most {self._most_body_bytes:,} are sent: ask for less at once. "
            "If it was to change something, that is done.",
        )


def _calls(channel: Channel) -> Iterator[wire.Call]:
    """What the broker asks for, until it says something else."""
    while isinstance(message := wire.unpack_to_worker(channel.receive()), wire.Calls):
        yield from message.calls


def _history(profile: Profile, place: Place) -> "History | None":
    bounds = profile.history
    if bounds is None or place.history is None:
        return None
    from filewarden.workers.history.store import History

    return History(place.history, max_bytes=bounds.max_bytes, max_age_s=bounds.max_age_s)


def _reporter(call: wire.Call, channel: Channel) -> Reporter:
    return Reporter(channel.send, call.call, wants_progress=call.wants_progress, log_level=call.log_level)


def _answer(call: wire.Call, result: msgspec.Struct | Text | Content) -> wire.Pieces:
    """The frame of an answer."""
    if isinstance(result, Text):
        return wire.answer(call.call, result.told(), result.text)
    if isinstance(result, Content):
        return wire.answer(call.call, result.facts, wire.pack_blocks(result.blocks))
    return wire.answer(call.call, result)


def _refusal(call: wire.Call, error: Exception) -> wire.Pieces:
    """What is said of a call that did not end well."""
    if isinstance(error, Inquiry):
        return (wire.question(call.call, error.requests, error.state),)
    if isinstance(error, ToolFailure):
        failure = error
    elif isinstance(error, OSError):
        failure = _os_failure(error)
    else:
        # The boundary of an operation: its bug costs this call an answer, not the worker.
        sys.excepthook(type(error), error, error.__traceback__)
        failure = ToolFailure(Code.IO_ERROR, "The tool failed on an internal error.")
    return (wire.refuse(call.call, failure),)


def _memory_limit(call: wire.Call) -> wire.Pieces:
    return (wire.refuse(call.call, ToolFailure(Code.MEMORY_LIMIT, "Memory limit reached.")),)


def _os_failure(error: OSError) -> ToolFailure:
    if error.errno is not None and os.strerror(error.errno):
        return ToolFailure(Code.IO_ERROR, f"The system reports: {os.strerror(error.errno)}.")
    return ToolFailure(Code.IO_ERROR, "The system reports an input/output error.")
