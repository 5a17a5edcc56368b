"""The broker's ends of a link, against ZeroMQ's own library and against peers that take and give in pieces."""

import contextlib
import os
import resource
import select
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import zmq

from filewarden.broker.link import LinkError, LinkLostError, Links
from filewarden.broker.zmq_link import ZmqLink
from filewarden.workers.zmtp import GREETING, READY, head
from tests.broker.conftest import MAX_FRAME

PATIENCE_S = 20.0
only_built_in = pytest.mark.parametrize("zeromq", ["built-in"], indirect=True)
only_pyzmq = pytest.mark.parametrize("zeromq", ["pyzmq"], indirect=True)


class Late(zmq.Socket[bytes]):
    """A socket to which a message comes right after it was found empty."""

    def recv(self, *arguments: Any, **options: Any) -> Any:
        if "has_been_empty" not in self.__dict__:
            self.__dict__["has_been_empty"] = True
            raise zmq.Again
        return super().recv(*arguments, **options)


@pytest.fixture
def link(links: Links) -> Iterator[Any]:
    link = links.listen(links.endpoint(), os.getpid())
    yield link
    link.close()


@pytest.fixture
def peer(link: Any) -> Iterator["zmq.Socket[bytes]"]:
    """A PAIR of ZeroMQ's own."""
    with zmq.Context() as context, context.socket(zmq.PAIR) as peer:
        for option in (zmq.RCVTIMEO, zmq.SNDTIMEO):
            peer.setsockopt(option, int(1000 * PATIENCE_S))
        peer.setsockopt(zmq.LINGER, 0)
        peer.setsockopt(zmq.SNDHWM, 0)
        peer.connect(f"ipc://{link.endpoint}")
        yield peer


def received(link: Any, until: Callable[[], bool] | None = None) -> bytes:
    """The next frame, or b"" once something else is so."""
    give_up_at = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up_at:
        found = link.receive()
        if found is not None:
            return bytes(found)
        if until is not None and until():
            return b""
        select.select([link.fd], [], [], 0.01 if until else PATIENCE_S)
    raise TimeoutError


@pytest.mark.parametrize("size", [0, 1, 255, 256, 20_000, MAX_FRAME])
def test_frames_of_every_size_go_both_ways(link: Any, peer: "zmq.Socket[bytes]", size: int) -> None:
    sent = os.urandom(size)
    peer.send(sent)
    assert received(link) == sent
    link.send(sent)
    assert peer.recv() == sent


def test_what_is_not_taken_at_once_follows_in_its_order(link: Any, peer: "zmq.Socket[bytes]") -> None:
    peer.send(b"here")
    assert received(link) == b"here"
    frames = [bytes([n]) * 1_000_000 for n in range(8)] + [b"last"]
    for frame in frames:
        link.send(frame)
    for frame in frames:
        received(link, lambda: bool(peer.poll(0)))
        assert peer.recv() == frame
    assert not link.needs_a_look()


def test_many_frames_at_once_keep_their_order_and_none_is_left_lying(link: Any, peer: "zmq.Socket[bytes]") -> None:
    frames = [str(n).encode() * (n % 50) for n in range(3000)]
    for frame in frames:
        peer.send(frame)
    assert [received(link) for _ in frames] == frames
    assert link.receive() is None
    assert not link.needs_a_look()


@only_built_in
def test_what_was_taken_in_is_told_of_though_the_descriptor_is_silent(link: Any) -> None:
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(link.endpoint)
        peer.sendall(GREETING + READY + head(1) + b"a" + head(1) + b"b")
        assert received(link) == b"a"
        assert link.needs_a_look()
        assert received(link) == b"b"
        assert link.receive() is None
        assert not link.needs_a_look()
        peer.sendall(head(2) + b"c")
        assert link.receive() is None
        assert not link.needs_a_look(), "half a frame is nothing to tell, and no reason to go round"


@only_built_in
def test_bytes_that_come_one_by_one_are_the_same_frames(link: Any) -> None:
    found = []
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(link.endpoint)
        for byte in GREETING + READY + head(3) + b"one" + head(300) + bytes(300):
            peer.send(bytes((byte,)))
            if (frame := link.receive()) is not None:
                found.append(bytes(frame))
        while len(found) < 2:
            found.append(received(link))
    assert found == [b"one", bytes(300)]


@only_built_in
@pytest.mark.parametrize(
    "opening",
    [
        b"\xff" * 64 + READY,
        GREETING.replace(b"NULL", b"CURV") + READY,
        GREETING + READY.replace(b"PAIR", b"PUSH"),
        GREETING + head(1) + b"a",
    ],
    ids=["no greeting", "another mechanism", "another socket", "no READY"],
)
def test_who_does_not_shake_hands_is_refused(link: Any, opening: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(link.endpoint)
        peer.sendall(opening)
        with pytest.raises(LinkError):
            received(link)


@only_built_in
@pytest.mark.parametrize("said", [b"", GREETING[:10], GREETING, GREETING + READY, GREETING + READY + head(9) + b"cut"])
def test_hanging_up_is_noticed_at_every_step(link: Any, said: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(link.endpoint)
        peer.sendall(said)
    with pytest.raises(LinkLostError):
        received(link)


def test_nothing_is_sent_to_nobody(link: Any) -> None:
    with pytest.raises(LinkLostError):
        link.send(b"x")


def test_another_process_than_the_expected_one_is_turned_away(links: Links) -> None:
    link: Any = links.listen(links.endpoint(), 1)
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(link.endpoint)
        peer.settimeout(PATIENCE_S)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the library may be quicker than we are
            peer.sendall(GREETING + READY)
            assert link.receive() is None
            assert peer.recv(1) == b""
    assert link.receive() is None
    link.close()


@pytest.mark.filterwarnings("ignore:Destroying context with unclosed socket:ResourceWarning")
def test_a_link_that_was_left_open_does_not_hold_up_the_end(links: Links) -> None:
    link = links.listen(links.endpoint(), os.getpid())
    links.close()
    link.close()


def test_an_endpoint_that_cannot_be_made_is_told(links: Links) -> None:
    with pytest.raises(LinkError):
        links.listen("/nowhere/at/all", os.getpid())


@contextlib.contextmanager
def descriptors_left(count: int) -> Iterator[None]:
    """Only so many descriptors can be opened within."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[int] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))) + 8, before[1]))
    try:
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.dup(0))
        for _ in range(count):
            os.close(taken.pop())
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        for fd in taken:
            os.close(fd)


@pytest.mark.parametrize("count", [0, 1])
def test_a_link_for_which_no_descriptor_is_left_is_told_and_leaves_nothing(links: Links, count: int) -> None:
    first = links.listen(links.endpoint(), os.getpid())  # the library opens some at first, and closes late
    endpoint = links.endpoint()
    with descriptors_left(count), pytest.raises(LinkError):
        links.listen(endpoint, os.getpid())
    first.close()
    assert not os.path.lexists(endpoint)


@only_built_in
def test_a_worker_for_whom_no_descriptor_is_left_is_not_waited_for(link: Any) -> None:
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(link.endpoint)
        with descriptors_left(0), pytest.raises(LinkError):
            received(link)


@only_pyzmq
def test_what_arrives_between_two_looks_is_not_left_lying(links: Links) -> None:
    """The second look takes the descriptor's signal: nobody would come back for the frame (zmq_getsockopt(3))."""
    endpoint = links.endpoint()
    with zmq.Context() as context, Late(context, zmq.PAIR) as ours, context.socket(zmq.PAIR) as theirs:
        ours.bind(f"ipc://{endpoint}")
        theirs.connect(f"ipc://{endpoint}")
        theirs.send(b"ready")
        assert ours.poll(int(1000 * PATIENCE_S))
        link = ZmqLink(ours, endpoint, os.getpid())
        frame = link.receive()
        assert frame is not None
        assert bytes(frame) == b"ready"
        assert link.receive() is None
        link.unlink()
