"""The doctor's workers: the product's launcher, zygote, link and handshake, with the attacks for a tool."""

import os
from collections.abc import Callable, Sequence

import msgspec

from filewarden.broker.account import Account
from filewarden.broker.call import Call
from filewarden.broker.endpoints import make_endpoint_folder
from filewarden.broker.launch import launch
from filewarden.broker.launcher import Launcher
from filewarden.broker.lifecycle import Exit
from filewarden.broker.links import links_in
from filewarden.broker.pool_profile import pool_profile
from filewarden.broker.process import LinkLost, Violation
from filewarden.broker.reactor import EpollReactor
from filewarden.broker.worker import Worker
from filewarden.config.settings import Settings
from filewarden.transports.preload import preload
from filewarden.workers import wire
from filewarden.workers.doctor import LAUNCHER, TOOL, Findings
from filewarden.workers.doctor_attacks import Orders
from filewarden.workers.profile import Role, encode
from filewarden.workers.tool import Lane
from filewarden.workers.wire import Answer, Ready, Refusal, Report

PATIENCE_S = 10.0
LOOK_S = 0.005
CLOSE_S = 2.0


class NoWorkerError(Exception):
    """No worker could be started; the sentence says why."""


class Subject:
    """One worker: its report, what it answered, and how it ended."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.report: Report | None = None
        self.findings: Findings | None = None
        self.status: int | None = None
        """Its exit code, or minus the signal that ended it."""

    @property
    def pid(self) -> int:
        """Its number on the host."""
        return self.worker.pid or 0


class Ward:
    """The workers of one sandbox mode and role."""

    def __init__(self, settings: Settings, account: Account | None, role: Role) -> None:
        self._reactor = EpollReactor()
        self._settings = settings
        self._subjects: dict[int, Subject] = {}
        self._failure: str | None = None
        self._said = ""
        self._has_zygote = False
        self._folder = make_endpoint_folder([os.environ.get("TMPDIR") or "/tmp", "/tmp"])  # noqa: S108 - a 0700 folder in it
        if account is not None:
            self._folder.give_to(account.uid, account.gid)
        self._launched = launch(("-c", LAUNCHER))
        self._launched.take_away_at_the_end(self._folder.path)
        profile = pool_profile(role, settings, account, denied=(), own_paths=(), endpoints=self._folder.path)
        self._launched.send_profile(role, encode(profile), namespaces=profile.sandbox != "off")
        self._launched.seal()
        self._links = links_in(self._folder.path, wire.REPORT_BYTES * 4)
        self._launcher = Launcher(self._reactor, self._launched, self._on_launcher_lost, self._hear)
        self._fork_server = self._launcher.fork_server(role, self)
        self._is_reading = role == "ro"
        self._is_disguised = account is not None
        if account is not None:  # the link takes connections of its own account only; a server changes to it for good
            preload()
            os.setegid(account.gid)
            os.seteuid(account.uid)

    def start(self, count: int) -> list[Subject]:
        """Start workers and wait until each has reported.

        Raises:
            NoWorkerError: the zygote cannot, or one of them did not come up.
        """
        if not self._has_zygote:
            self._launcher.start()
            if not self._is_reading:  # that one is on its way by itself
                self._fork_server.ask_for_zygote()
            self._wait(lambda: self._has_zygote)
        subjects = [self._spawn() for _ in range(count)]
        self._wait(lambda: all(one.report is not None or one.status is not None for one in subjects))
        if any(one.report is None for one in subjects):
            raise NoWorkerError(f"A worker ended before it reported its confinement. {self._said}".rstrip())
        return subjects

    def attack(self, orders: Sequence[tuple[Subject, Orders]]) -> None:
        """Let each make its attacks, and wait until it has answered or died of them."""
        for subject, order in orders:
            call = _call(order)
            subject.worker.assign(call, self._reactor.now())
            subject.worker.send(wire.pack(wire.Calls([wire.Call(call.id, TOOL.name, PATIENCE_S, wire.pack(order))])))
        self._wait(lambda: all(one.findings is not None or one.status is not None for one, _ in orders))

    def close(self) -> None:
        """Leave no process, socket or folder behind."""
        for subject in self._subjects.values():
            self._leave(subject)
        self._launcher.close(CLOSE_S)
        self._links.close()
        self._folder.close()
        for subject in self._subjects.values():
            if subject.worker.pidfd is not None:
                os.close(subject.worker.pidfd)
        self._reactor.close()
        if self._is_disguised:
            os.seteuid(0)
            os.setegid(0)

    def _spawn(self) -> Subject:
        serial = len(self._subjects) + 1
        worker = Worker(serial, self._links.endpoint(), self._reactor.now())
        self._subjects[serial] = Subject(worker)
        self._fork_server.spawn(serial, worker.endpoint, worker.secret, worker.open_gate())
        return self._subjects[serial]

    def _wait(self, is_done: Callable[[], bool]) -> None:
        give_up_at = self._reactor.now() + PATIENCE_S

        def look() -> None:
            for subject in self._subjects.values():
                self._receive(subject)
            if is_done() or self._failure is not None or self._reactor.now() >= give_up_at:
                self._reactor.stop()
            else:
                self._reactor.at(self._reactor.now() + LOOK_S, look)

        self._reactor.at(self._reactor.now(), look)  # not at once: a loop is stopped only while it runs
        self._reactor.run()
        if self._failure is not None:
            raise NoWorkerError(self._failure)
        if not is_done():
            raise NoWorkerError(f"A worker did not answer within {PATIENCE_S:.0f} s.")

    def _leave(self, subject: Subject) -> None:
        if subject.worker.link_fd is not None:
            self._reactor.forget(subject.worker.link_fd)
        subject.worker.leave()

    def _hear(self, line: str) -> None:
        """The last line that anything below printed: of a traceback, the one that tells."""
        self._said = f"It said: {line}"

    def _receive(self, subject: Subject) -> None:
        try:
            while (frame := subject.worker.next_frame()) is not None:
                if isinstance(frame, Ready):
                    subject.report = subject.worker.confined(frame, self._reactor.now())
                elif isinstance(frame, Answer):
                    subject.worker.answered(frame.call, self._reactor.now())
                    subject.findings = msgspec.msgpack.decode(frame.body, type=Findings)
                elif isinstance(frame, Refusal):
                    self._failure = f"A worker refused the attacks: {frame.message}"
                else:
                    self._failure = "A worker reported something else than findings."
        except LinkLost:
            self._leave(subject)  # it died: its exit status follows
        except Violation as violation:
            self._failure = f"A worker broke the protocol: {violation}"

    # What the fork server tells.

    def on_zygote(self) -> None:
        """A zygote is there."""
        self._has_zygote = True

    def on_spawned(self, serial: int, pid: int, pidfd: int) -> None:
        """A worker waits at its gate."""
        subject = self._subjects[serial]
        subject.worker.spawned(pid, pidfd, self._links)
        if subject.worker.link_fd is not None:
            self._reactor.watch(subject.worker.link_fd, lambda: self._receive(subject))

    def on_exited(self, serial: int, status: int) -> None:
        """A worker is gone."""
        self._subjects[serial].status = status
        self._subjects[serial].worker.exit = Exit.CRASH

    def on_zygote_lost(self, reason: str) -> None:
        """Every worker is gone."""
        self._failure = f"The process that forks workers ended: {reason}."

    def on_unusable(self, reason: str) -> None:
        """No worker can be had."""
        self._failure = reason

    def _on_launcher_lost(self) -> None:
        self._failure = "The launcher process ended."


def _call(order: Orders) -> Call:
    return Call(
        id=1,
        client="doctor",
        principal="doctor",
        tool=TOOL,
        arguments=order,
        lane=Lane.QUICK,
        submitted_at=0.0,
        soft_at=0.0,
        hard_at=0.0,
        deliver=lambda _outcome: None,
    )
