"""The branches of a server as a reload opens, renews and ends them, without any process."""

import itertools
from types import SimpleNamespace
from typing import Any
from unittest import mock

import msgspec
import pytest

from filewarden.broker.branch import Common
from filewarden.broker.branches import REPAIR_AFTER_S, Branches, longest_body_bytes, longest_frame_bytes
from filewarden.broker.caller import Caller
from filewarden.broker.holdings import Holdings
from filewarden.broker.in_force import InForce
from filewarden.broker.ledger import Ledger
from filewarden.broker.patrol import Patrol
from filewarden.broker.protocol.long_text import Reply
from filewarden.broker.protocol.negotiation import Eras
from filewarden.broker.protocol.outcome import Asked, Failed, Outcome, Reason
from filewarden.broker.protocol.principal import Principal
from filewarden.broker.seal import SEALING_KEY_BYTES, Seal
from filewarden.broker.vouchers import Vouchers
from filewarden.config.sections.limits import LimitSettings
from filewarden.config.sections.profiles import ProfileSettings
from filewarden.config.sections.roots import RootSettings
from filewarden.config.settings import Settings
from filewarden.workers.catalogue import Catalogue
from filewarden.workers.inquiry import form
from filewarden.workers.tools import read_file
from tests.drivers.hand_clock import Clock

ROOTS = (RootSettings(name="a", path="/a"),)
ALONE = Settings(roots=ROOTS)
LATER = Settings(roots=ROOTS, profiles=(ProfileSettings(name="builds", roots=ROOTS),))
WITH_PROFILE = Settings(roots=ROOTS, profiles=(ProfileSettings(name="builds", roots=ROOTS, start="server"),))


class Server:
    """What branches share, and the zygotes, none of which ever comes."""

    is_ready = False
    max_frame_bytes = max_body_bytes = 100_000

    def __init__(self, settings: Settings) -> None:
        self.in_force = InForce(settings, {})
        stand_in: Any = self
        self.clock = Clock()
        self.given_up = 0
        """How many zygotes are not needed any more."""
        clock: Any = self.clock
        log: Any = SimpleNamespace(
            server="server", **dict.fromkeys(("debug", "info", "warning", "error", "fault"), _unheard)
        )
        numbers = itertools.count(1)
        common = Common(
            reactor=clock,
            links=stand_in,
            serials=numbers,
            numbers=numbers,
            patrol=Patrol(clock, lambda _now: None),
            ledger=Ledger(),
            vouchers=Vouchers(Seal(bytes(SEALING_KEY_BYTES))),
            catalogue=Catalogue([read_file.TOOL]),
            log=log,
            audit=None,
            witnesses=(),
            unread=(),
            judge=lambda _report: None,
            on_report=lambda _report: None,
            on_broken=lambda branch, reason: self.branches.on_broken(branch, reason),
            on_breach=lambda _breach: None,
        )
        self.branches = Branches(self.in_force, common, stand_in, Holdings(), lambda _reason: None)

    def edition(self, _number: int, _profile: str) -> "Server":
        return self

    def fork_server(self, _role: str, _listener: object) -> "Server":
        return self

    def ask_for_zygote(self) -> None:
        pass

    def give_up(self) -> None:
        self.given_up += 1

    def reload(self, settings: Settings) -> None:
        """As a reload does whose workers are ready."""
        charter: Any = SimpleNamespace(settings=settings, tokens={})
        nobody: Any = SimpleNamespace()
        staffs = self.branches.hire(charter, 2, lambda _name: nobody)
        trial: Any = SimpleNamespace(report=None, staffs=staffs)
        for staff in self.branches.take_over(charter, trial, 2):
            staff.retire()

    def drain(self) -> None:
        self.in_force.is_leaving = self.in_force.is_draining = True
        self.branches.drain()

    def call(self, profile: str) -> list[Outcome]:
        outcomes: list[Outcome] = []
        caller = Caller("c", Principal("", profile=profile))
        dispatcher = self.branches.of(profile).dispatcher
        dispatcher.submit(caller, read_file.TOOL, read_file.ReadFile(path="a"), outcomes.append)
        return outcomes


def _unheard(*_arguments: object, **_facts: object) -> None:
    pass


@pytest.mark.parametrize("profile", ["", "builds"])
def test_a_reload_that_ends_while_the_server_drains_opens_no_door(profile: str) -> None:
    server = Server(ALONE)
    server.drain()
    server.reload(WITH_PROFILE)
    assert reason_of(server.call(profile)) is Reason.DRAINING


def test_a_profile_that_can_be_served_again_while_the_server_drains_is_not() -> None:
    server = Server(WITH_PROFILE)
    server.branches.on_broken(server.branches.of("builds"), "the test says so")
    assert reason_of(server.call("builds")) is Reason.NO_WORKER
    server.drain()
    server.reload(WITH_PROFILE)
    assert reason_of(server.call("builds")) is Reason.DRAINING


def test_an_answer_may_be_as_long_as_the_settings_allow_that_are_tried_or_count() -> None:
    server = Server(ALONE)
    short, long = (Settings(roots=ROOTS, limits=LimitSettings(max_answer_chars=most)) for most in (10_000, 1_000_000))
    allowed = {longest_body_bytes(each): longest_frame_bytes(each) for each in (short, long)}
    seen: list[tuple[int, int]] = []
    take_over = server.branches.take_over

    def noting(*arguments: Any) -> Any:
        seen.append((server.max_body_bytes, server.max_frame_bytes))
        return take_over(*arguments)

    with mock.patch.object(server.branches, "take_over", noting):
        for each in (long, short):
            server.reload(each)
            seen.append((server.max_body_bytes, server.max_frame_bytes))
    least, most = sorted(allowed.items())
    assert seen == [most, most, most, least]


def test_a_profile_that_somebody_comes_to_first_while_the_server_drains_is_closed() -> None:
    server = Server(LATER)
    server.drain()
    assert reason_of(server.call("builds")) is Reason.DRAINING


@pytest.mark.parametrize("is_draining", [False, True])
def test_a_profile_without_workers_is_tried_again_after_a_while_unless_the_server_stops(*, is_draining: bool) -> None:
    server = Server(WITH_PROFILE)
    server.branches.on_broken(server.branches.of("builds"), "the test says so")
    assert server.given_up == 0, "not from within what one of its workers tells"
    server.clock.pass_by(REPAIR_AFTER_S - 1)
    assert server.given_up == 2, "that of its pool, and that of its watchers"
    assert reason_of(server.call("builds")) is Reason.NO_WORKER
    if is_draining:
        server.drain()
    server.clock.pass_by(2)
    outcomes = server.call("builds")
    assert [reason_of(outcomes)] == [Reason.DRAINING] if is_draining else outcomes == []


class Client:
    """One of the handshake era that can be asked, and what it was sent."""

    def __init__(self, server: Server) -> None:
        self.frames: list[dict[str, Any]] = []
        self._conversation = server.branches.of("").open_conversation(Caller("c", Principal("")), Eras.LEGACY)
        start = {"protocolVersion": "2025-06-18", "capabilities": {"elicitation": {}}}
        self.ask("initialize", {**start, "clientInfo": {"name": "test", "version": "1"}})

    def ask(self, method: str, params: dict[str, Any]) -> None:
        request = {"jsonrpc": "2.0", "id": method, "method": method, "params": params}
        self._conversation.receive(msgspec.json.encode(request), self)

    def send(self, frame: bytes) -> None:
        self.frames.append(msgspec.json.decode(frame))

    tell = send

    def answer(self, reply: Reply | None, _status: int) -> None:
        assert isinstance(reply, bytes)
        self.send(reply)


def test_a_question_that_is_asked_while_the_server_drains_keeps_no_call_without_an_answer() -> None:
    server = Server(ALONE)
    client = Client(server)
    client.ask("tools/call", {"name": "read_file", "arguments": {"path": "a"}})
    server.drain()
    dispatcher = server.branches.of("").dispatcher
    (call,) = dispatcher._in_flight.calls  # noqa: SLF001
    assert dispatcher._in_flight.withdraw(call)  # noqa: SLF001
    call.deliver(Asked({"sure": form("Sure?", {"confirm": {"type": "boolean"}})}))
    assert client.frames[-1]["method"] == "elicitation/create"
    server.branches.cancel_all()
    withdrawn, answer = client.frames[-2:]
    assert withdrawn["params"]["requestId"] == client.frames[-3]["id"]
    assert answer["id"] == "tools/call"
    assert answer["result"]["isError"]


def reason_of(outcomes: list[Outcome]) -> Reason | None:
    (outcome,) = outcomes
    assert isinstance(outcome, Failed)
    return outcome.reason
