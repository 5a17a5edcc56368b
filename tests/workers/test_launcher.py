"""The launcher by its protocol, with zygotes that only say what they were given."""

import contextlib
import os
import select
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from filewarden.broker.launch import Launched, launch

PROGRAM = """
from filewarden.workers.launcher import main

def serve(control, isolation):
    control.send(control.recv(1000) + (b" enclosed" if isolation.is_active else b" open"))
    control.recv(1000)

main(serve)
"""
TIMEOUT_S = 10.0

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
        role, fds, _flags, _address = socket.recv_fds(launched.control, 1000, 1)
        with socket.socket(fileno=fds[0]) as control:
            control.settimeout(TIMEOUT_S)
            return role, control.recv(1000)

    return receive


def is_silent(launched: Launched) -> bool:
    """Whether nothing was announced, once the launcher has obeyed all that it was told before."""
    launched.ask_for_zygote("ro")
    role, fds, _flags, _address = socket.recv_fds(launched.control, 1000, 1)
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
