"""Workers as they are outside, their links and their fork servers, which do what the test says and when."""

import itertools
import math
import os
from typing import TYPE_CHECKING, Any

from filewarden.broker.link import LinkLostError
from filewarden.workers import wire

if TYPE_CHECKING:
    from tests.drivers.works import Works


class Link:
    """One worker's connection."""

    fds = itertools.count(1_000_000)

    def __init__(self, sent: set[int], *, hides_signals: bool) -> None:
        """`sent` gets the numbers of the calls that leave."""
        self._sent = sent
        self.fd = next(self.fds)
        self.hides_signals = hides_signals
        self.told: list[bytes] = []
        """What its process has not taken yet."""
        self.said: list[bytes] = []
        """What the broker has not taken yet."""
        self.is_lost = False
        """Whether sending and receiving tell that it is over."""
        self.frames_left = math.inf
        """How many more frames it takes before it is lost."""
        self.is_closed = False

    def send(self, frame: bytes) -> None:
        assert not self.is_closed
        self.is_lost = self.is_lost or self.frames_left == 0
        if self.is_lost:
            raise LinkLostError
        self.frames_left -= 1
        self.told.append(frame)
        message = wire.unpack_to_worker(frame)
        if isinstance(message, wire.Calls):
            self._sent.update(call.call for call in message.calls)

    def receive(self) -> bytes | None:
        assert not self.is_closed
        if self.said:
            return self.said.pop(0)
        if self.is_lost:
            raise LinkLostError
        return None

    @property
    def may_give_more(self) -> bool:
        return self.hides_signals or bool(self.said)

    def needs_a_look(self) -> bool:
        return bool(self.said) or self.is_lost

    def unlink(self) -> None:
        pass

    def close(self) -> None:
        self.is_closed = True


class Process:
    """A worker as it is outside."""

    def __init__(self, number: int, serial: int, secret: str, link: Link) -> None:
        self.pid = number
        self.serial = serial
        self.pidfd = os.open("/dev/null", os.O_RDONLY)
        self.secret = secret
        self.link = link
        self.calls: list[wire.Call] = []
        """What it was told to run and has not begun."""
        self.is_alive = True
        self.is_stuck = False
        """Whether it waits in the kernel: it does nothing, and does not even die."""
        self.is_killed = False
        """Whether it dies once it waits no longer."""
        self.is_ready = False
        self.is_buried = False
        """Whether nobody holds its handle any more."""
        self.status: int | None = None
        """What its zygote has not told of its end yet."""

    def say(self, frame: bytes) -> None:
        if not self.link.is_lost:
            self.link.said.append(frame)

    def come_unstuck(self) -> None:
        self.is_stuck = False
        if self.is_killed:
            self.die()

    def die(self, status: int = -9, *, does_link_tell: bool = True) -> None:
        self.is_killed = True
        if self.is_alive and not self.is_stuck:
            self.is_alive, self.status = False, status
            self.link.is_lost = self.link.is_lost or does_link_tell
            self.calls.clear()


class Zygote:
    """The fork server of one pool."""

    def __init__(self, works: "Works", listener: Any) -> None:
        self._works = works
        self.listener = listener
        self.is_ready = False
        self.is_wanted = False
        self.is_given_up = False
        self.fails_next = False
        """Whether it has died unnoticed."""
        self.ordered: list[tuple[int, str]] = []
        self.processes: list[Process] = []

    def ask_for_zygote(self) -> None:
        assert not self.is_given_up
        self.is_wanted = True

    def come(self) -> None:
        if self.is_wanted:
            self.is_wanted, self.is_ready = False, True
            self.listener.on_zygote()

    def spawn(self, serial: int, _endpoint: str, secret: str, gate: int, *_shelf: int) -> None:
        os.close(gate)
        if not self.is_ready:
            return
        if self.fails_next:
            self.lose("its control socket is closed")
            return
        self.ordered.append((serial, secret))

    def give_up(self) -> None:
        """Nobody needs it any more: its workers die with it, and nobody is told."""
        assert not self.is_given_up
        self.is_given_up, self.is_ready = True, False

    def give_up_zygote(self, reason: str) -> None:
        self.lose(reason)

    def lose(self, reason: str) -> None:
        if not self.is_ready:
            return
        self.is_ready = self.fails_next = False
        self.ordered.clear()
        for process in self.processes:
            process.die()
            process.status = None  # nobody tells
        self.listener.on_zygote_lost(reason)

    def turn_out_unusable(self, reason: str) -> None:
        """It cannot do what it is for, and ends."""
        self.is_ready = False
        for process in self.processes:
            process.die()
        self.listener.on_unusable(reason)

    def fork(self) -> None:
        """Do what was ordered first."""
        if self.is_ready and self.ordered:
            serial, secret = self.ordered.pop(0)
            process = self._works.new_process(serial, secret)
            self.processes.append(process)
            self.listener.on_spawned(serial, process.pid, process.pidfd)
            process.is_buried = process.pidfd not in self._works.clock.watched

    def tell_exits(self) -> None:
        for process in self.processes:
            status, process.status = process.status, None
            if status is not None and self.is_ready:
                self.listener.on_exited(process.serial, status)
