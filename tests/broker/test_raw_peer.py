"""What a process that speaks ZMTP by hand can do to a worker's endpoint, and who gets there at all."""

import contextlib
import os
import select
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import zmq

from filewarden.broker import own_link
from filewarden.broker.link import LinkError
from filewarden.broker.memory import OwnMemoryWatch, give_back_memory, resident_bytes
from filewarden.broker.process import LinkLost, Violation
from filewarden.broker.worker import Worker
from filewarden.broker.zmq_link import ZmqLink
from filewarden.config.sections.pool import ZeroMq
from filewarden.workers import wire
from tests.drivers.busy import BUSY_S

MAX_FRAME = 100_000  # as the links of these tests have it
MIB = 1 << 20
RawPeer = Callable[[str], Any]
only_built_in = pytest.mark.parametrize("zeromq", ["built-in"], indirect=True)
only_pyzmq = pytest.mark.parametrize("zeromq", ["pyzmq"], indirect=True)


@pytest.fixture
def peer(worker: Worker, raw_peer: RawPeer) -> Iterator[Any]:
    peer = raw_peer(worker.endpoint)
    peer.shake_hands(worker)
    yield peer
    peer.close()


def frame(payload: bytes, flags: int = 0) -> bytes:
    return struct.pack(">BQ", flags | 2, len(payload)) + payload


def verdict(worker: Worker, timeout_s: float = 20.0) -> str:
    """What the broker makes of what came, within a time."""
    assert worker.link_fd is not None
    give_up_at = time.monotonic() + timeout_s
    while time.monotonic() < give_up_at:
        try:
            if worker.next_frame() is not None:
                return "a frame"
        except Violation:
            return "violation"
        except LinkLost:
            return "link lost"
        select.select([worker.link_fd], [], [], 0.02)
    return "nothing"


def greet(worker: Worker, peer: Any) -> None:
    peer.send(frame(wire.pack(wire.Hello(worker.secret))))
    while os.path.exists(worker.endpoint):
        assert verdict(worker, 0.02) == "nothing"


def test_a_hello_by_hand_is_a_hello(worker: Worker, peer: Any) -> None:
    greet(worker, peer)
    peer.send(frame(wire.pack(wire.Ready(b"x"))))
    assert verdict(worker) == "a frame"


@pytest.mark.parametrize(
    ("sent", "built_in", "pyzmq"),
    [
        pytest.param(b"\xff" * 100, "violation", "link lost", id="no ZMTP"),
        pytest.param(struct.pack(">BQ", 2, 1 << 62), "violation", "link lost", id="a length beyond the limit"),
        pytest.param(frame(bytes(MAX_FRAME + 1)), "violation", "link lost", id="one byte too many"),
        pytest.param(frame(b""), "violation", "violation", id="an empty frame"),
        pytest.param(frame(b"x", flags=1) + frame(b"y"), "violation", "violation", id="two parts"),
        pytest.param(b"\x04\x09\x04PING\x00\x00ab", "violation", "nothing", id="a ping"),
        pytest.param(b"\x04\x0b\x09SUBSCRIBEx", "violation", "violation", id="a command of other sockets"),
        pytest.param(b"\x04\x01\x05", "violation", "nothing", id="a cut command"),
        pytest.param(b"\x02\x00", "nothing", "nothing", id="a cut head"),
    ],
)
def test_what_comes_over_an_open_link(
    worker: Worker, peer: Any, zeromq: ZeroMq, sent: bytes, built_in: str, pyzmq: str
) -> None:
    greet(worker, peer)
    peer.send(sent)
    expected = built_in if zeromq == "built-in" else pyzmq
    assert verdict(worker, 20.0 if expected != "nothing" else 0.2) == expected


def test_hanging_up_is_noticed_at_once_and_without_another_descriptor(worker: Worker, raw_peer: RawPeer) -> None:
    peer = raw_peer(worker.endpoint)
    peer.shake_hands(worker)
    greet(worker, peer)
    assert not worker.has_more()
    start = time.monotonic()
    peer.close()
    assert verdict(worker) == "link lost"
    assert time.monotonic() - start < 0.5 + BUSY_S


def test_the_last_frame_before_hanging_up_still_counts(worker: Worker, raw_peer: RawPeer) -> None:
    peer = raw_peer(worker.endpoint)
    peer.shake_hands(worker)
    greet(worker, peer)
    peer.send(frame(wire.pack(wire.Ready(b"x"))))
    peer.close()
    assert verdict(worker) == "a frame"
    assert verdict(worker) == "link lost"


@only_built_in
def test_an_endless_message_ends_with_its_first_part(worker: Worker, peer: Any) -> None:
    greet(worker, peer)
    before = resident_bytes()
    peer.socket.setblocking(False)
    part = frame(bytes(65_536), flags=1)
    with contextlib.suppress(BlockingIOError):  # what nobody takes waits in the kernel, with whoever sends it
        while True:
            peer.socket.send(part)
    assert verdict(worker) == "violation"
    assert resident_bytes() < before + MIB


@only_pyzmq
def test_an_endless_message_shows_in_the_memory_and_is_freed_with_the_link(worker: Worker, peer: Any) -> None:
    greet(worker, peer)
    watch = OwnMemoryWatch()
    before = resident_bytes()
    assert not watch.is_excessive(before, 0)
    part = frame(bytes(65_536), flags=1) * 16
    while not watch.is_excessive(resident_bytes(), 0):
        peer.send(part)
        assert resident_bytes() < before + 3 * OwnMemoryWatch.ALLOWANCE_BYTES
    assert verdict(worker, 0.05) == "nothing"  # it never becomes a message: only the watch can tell
    worker.leave()
    give_up_at = time.monotonic() + 20
    while resident_bytes() > before + OwnMemoryWatch.ALLOWANCE_BYTES:
        assert time.monotonic() < give_up_at
        give_back_memory()


def test_the_watch_forgets_what_was_given_back() -> None:
    watch = OwnMemoryWatch()
    assert not watch.is_excessive(30 * MIB, 10 * MIB)
    assert watch.is_excessive(105 * MIB, 10 * MIB)
    watch.accept(105 * MIB)
    assert not watch.is_excessive(150 * MIB, 10 * MIB)
    assert not watch.is_excessive(30 * MIB, 10 * MIB)
    assert watch.is_excessive(105 * MIB, 10 * MIB)


SPOOF = """
import socket, sys
peer = socket.socket(socket.AF_UNIX)
peer.connect(sys.argv[1])
peer.settimeout(2)
try:
    peer.sendall(bytes.fromhex(sys.argv[2]))
    print(len(peer.recv(1)))
except OSError:
    print(0)
"""


def spoof(endpoint: str, data: bytes) -> bytes:
    """Another process of the same account connects and speaks; how much it is answered."""
    ran = subprocess.run([sys.executable, "-c", SPOOF, endpoint, data.hex()], capture_output=True, timeout=20)
    return ran.stdout.strip() or ran.stderr.strip().splitlines()[-1]


def test_a_sibling_that_comes_first_with_the_secret_is_turned_away(worker: Worker, raw_peer: RawPeer) -> None:
    endpoint = worker.endpoint
    hello = frame(wire.pack(wire.Hello(worker.secret)))
    assert spoof(endpoint, raw_peer.GREETING + hello) == b"0"  # type: ignore[attr-defined]
    assert verdict(worker, 0.1) == "nothing"
    peer = raw_peer(endpoint)  # the right process still gets in
    peer.shake_hands(worker)
    greet(worker, peer)
    assert b"FileNotFoundError" in spoof(endpoint, hello)  # and nobody comes late
    peer.close()


@only_built_in
def test_a_second_connection_of_the_same_process_is_turned_away(worker: Worker, raw_peer: RawPeer) -> None:
    first, second = raw_peer(worker.endpoint), raw_peer(worker.endpoint)
    first.shake_hands(worker)
    with pytest.raises(ConnectionResetError):
        second.socket.recv(1)
    with socket.socket(socket.AF_UNIX) as late, pytest.raises(ConnectionRefusedError):
        late.connect(worker.endpoint)
    greet(worker, first)
    first.close()
    second.close()


@only_pyzmq
def test_a_second_connection_of_the_same_process_is_ignored(worker: Worker, peer: Any, raw_peer: RawPeer) -> None:
    second = raw_peer(worker.endpoint)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the library may be quicker than we are
        second.send(second.GREETING)
        second.send(frame(wire.pack(wire.Hello(worker.secret))))
    greet(worker, peer)
    assert verdict(worker, 0.1) == "nothing"
    second.close()


@pytest.mark.parametrize("pid", [1, -1])
def test_the_credentials_of_the_connection_are_checked_beside_the_filter(pid: int) -> None:
    """The second lock, with the first one left open."""
    endpoint = f"/tmp/fw-test-{os.urandom(6).hex()}"
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    context.setsockopt(zmq.LINGER, 0)
    with context, context.socket(zmq.PAIR) as ours, context.socket(zmq.PAIR) as theirs:
        ours.bind(f"ipc://{endpoint}")
        theirs.connect(f"ipc://{endpoint}")
        theirs.send(b"hello")
        got = ours.recv(copy=False)
        ZmqLink(ours, endpoint, os.getpid()).check_sender(got)
        with pytest.raises(LinkError):
            ZmqLink(ours, endpoint, pid).check_sender(got)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(endpoint)


@only_built_in
@pytest.mark.parametrize("who", [(1, 0), (0, 1)], ids=["another process", "another account"])
def test_a_connection_of_another_process_or_account_is_turned_away(
    worker: Worker, raw_peer: RawPeer, who: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_link, "process_and_user", lambda _: (os.getpid() + who[0], os.geteuid() + who[1]))
    peer = raw_peer(worker.endpoint)
    assert verdict(worker, 0.1) == "nothing"
    assert peer.socket.recv(1) == b""
    peer.close()


def test_a_frame_without_a_connection_has_no_credentials() -> None:
    with zmq.Context() as context, context.socket(zmq.PAIR) as ours, pytest.raises(LinkError):
        ZmqLink(ours, "", os.getpid()).check_sender(zmq.Frame(b"x"))
