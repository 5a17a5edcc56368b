"""The launcher by its protocol, with zygotes that only say what they were given."""

import contextlib
import os
import select
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from filewarden.broker.launch import Launched, launch
from filewarden.workers import attached

PROGRAM = """
from filewarden.workers.launcher import main

def serve(control, isolation):
    control.send(control.recv(1000) + (b" enclosed" if isolation.is_active else b" open"))
    control.recv(1000)

def reread(document, channel):
    import os
    import time
    wanted = os.pread(document, 1000, 0).decode()
    if wanted == "refuse":
        channel.send(b"Xno")
    elif wanted != "die":
        channel.send(b"P- ro reading " + wanted.encode())
        channel.send(b"L%f" % float(wanted))
        new = os.memfd_create("charter")
        os.write(new, wanted.encode())
        socket.send_fds(channel, [b"S"], [new])

import socket
main(serve, reread)
"""
TIMEOUT_S = 20.0

Receive = Callable[[], tuple[bytes, bytes]]


@pytest.fixture
def launched() -> Iterator[Launched]:
    launched = launch(("-c", PROGRAM))
    launched.control.settimeout(TIMEOUT_S)
    yield launched
    launched.control.close()
    os.close(launched.errors_fd)
    with contextlib.suppress(ChildProcessError):  # a test has waited for it
        os.waitpid(launched.pid, 0)


@pytest.fixture
def zygote(launched: Launched) -> Receive:
    """The role of the zygote that is announced next, and what it was given."""

    def receive() -> tuple[bytes, bytes]:
        role, fds = attached.receive(launched.control, 1000)
        with socket.socket(fileno=fds[0]) as control:
            control.settimeout(TIMEOUT_S)
            return role, control.recv(1000)

    return receive


def is_silent(launched: Launched) -> bool:
    """Whether nothing was announced, once the launcher has obeyed all that it was told before."""
    launched.ask_for_zygote("ro")
    role, fds = attached.receive(launched.control, 1000)
    socket.close(fds[0])
    return role == b"Zro" and not select.select([launched.control], [], [], 0)[0]


def test_the_first_zygote_comes_by_itself_and_the_others_when_they_are_asked_for(
    launched: Launched, zygote: Receive
) -> None:
    launched.send_profile("ro", b"reading", namespaces=False)
    launched.send_profile("rw", b"writing in two words", namespaces=False)
    launched.seal()
    assert zygote() == (b"Zro", b"reading open")
    assert is_silent(launched)
    launched.ask_for_zygote("rw")
    assert zygote() == (b"Zrw", b"writing in two words open")
    launched.ask_for_zygote("rw")
    assert zygote() == (b"Zrw", b"writing in two words open")


def test_a_sealed_launcher_takes_no_profile_and_serves_no_other_role(launched: Launched, zygote: Receive) -> None:
    launched.send_profile("ro", b"reading", namespaces=False)
    launched.seal()
    launched.send_profile("ro", b"everything", namespaces=False)
    launched.send_profile("rw", b"everything", namespaces=False)
    launched.ask_for_zygote("rw")
    assert zygote() == (b"Zro", b"reading open")
    assert is_silent(launched)
    launched.ask_for_zygote("ro")
    assert zygote() == (b"Zro", b"reading open")


def test_what_is_named_after_the_seal_is_not_taken_away(launched: Launched, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as early, socket.socket(socket.AF_UNIX) as late:
        early.bind(str(tmp_path / "early"))
        late.bind(str(tmp_path / "late"))
        launched.take_away_at_the_end(str(tmp_path / "early"))
        launched.seal()
        launched.take_away_at_the_end(str(tmp_path / "late"))
        launched.control.close()
        os.waitpid(launched.pid, 0)
        assert [path.name for path in tmp_path.iterdir()] == ["late"]


# Reading the configuration again.


@pytest.fixture
def begin(launched: Launched, zygote: Receive) -> Callable[[str], None]:
    """Start as a server does, with a document that says what `reread` is to do, and read again."""

    def start(wanted: str) -> None:
        launched.send_profile("ro", b"reading", namespaces=False)
        launched.let_live_on(0.2)
        launched.keep_charter(wanted.encode())
        launched.seal()
        assert zygote()[0] == b"Zro"
        launched.read_again()

    return start


def offered(launched: Launched) -> tuple[int, bytes]:
    """The number of what was read, and its document."""
    message, fds = attached.receive(launched.control, 1000)
    assert message[:1] == b"N", message
    with open(fds[0], "rb") as document:
        return int(message[1:]), os.pread(document.fileno(), 1000, 0)


def test_what_was_read_is_tried_beside_what_counts_and_takes_its_place(
    launched: Launched, zygote: Receive, begin: Callable[[str], None]
) -> None:
    begin("5")
    assert offered(launched) == (2, b"5")
    launched.ask_for_zygote("ro.2")
    assert zygote() == (b"Zro.2", b"reading 5 open")
    launched.ask_for_zygote("ro")
    assert zygote() == (b"Zro", b"reading open")
    launched.take_edition(2)
    launched.ask_for_zygote("ro")  # nobody gets back to what was allowed before
    launched.ask_for_zygote("ro.2")
    assert zygote() == (b"Zro.2", b"reading 5 open")
    launched.read_again()
    assert offered(launched) == (3, b"5")
    launched.drop_edition(3)
    launched.ask_for_zygote("ro.3")
    launched.ask_for_zygote("ro.2")
    assert zygote() == (b"Zro.2", b"reading 5 open")


def test_zygotes_of_before_are_ended_though_the_front_end_keeps_them(
    launched: Launched, begin: Callable[[str], None]
) -> None:
    begin("5")
    assert offered(launched)[0] == 2
    launched.ask_for_zygote("ro")
    message, fds = attached.receive(launched.control, 1000)
    assert message == b"Zro"
    with socket.socket(fileno=fds[0]) as kept:
        kept.settimeout(TIMEOUT_S)
        assert kept.recv(1000) == b"reading open"
        launched.take_edition(2)
        assert kept.recv(1000) == b""


@pytest.mark.parametrize(("wanted", "said"), [("refuse", b"Xno"), ("die", b"Xthe reading of the configuration ended")])
def test_what_cannot_be_read_is_told_and_can_be_read_again(
    launched: Launched, begin: Callable[[str], None], wanted: str, said: bytes
) -> None:
    begin(wanted)
    assert launched.control.recv(1000).startswith(said)
    launched.read_again()
    assert launched.control.recv(1000).startswith(said)


def test_what_it_is_read_by_is_fixed_by_the_seal(launched: Launched, begin: Callable[[str], None]) -> None:
    begin("5")
    assert offered(launched) == (2, b"5")
    launched.keep_charter(b"6")
    launched.let_live_on(0)
    launched.read_again()
    assert offered(launched) == (3, b"5")
