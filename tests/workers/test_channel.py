"""The worker's end of the link against libzmq itself, and against peers that are slow, rude or gone."""

import contextlib
import os
import resource
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq

from filewarden.workers import zmtp
from filewarden.workers.channel import Channel, ChannelClosedError
from tests.drivers.busy import BUSY_S

MOST = 8 * 1024 * 1024
SIZES = [0, 1, 255, 256, 16_000, 65_536, 1_000_000, MOST]
PATIENCE_S = 10.0


@pytest.fixture
def endpoint() -> Iterator[str]:
    folder = Path("/tmp") / f"fw-test-{os.urandom(6).hex()}"  # short: a socket's path has 107 bytes
    folder.mkdir(mode=0o700)
    yield str(folder / "link")
    (folder / "link").unlink(missing_ok=True)
    folder.rmdir()


@pytest.fixture
def broker(endpoint: str) -> Iterator["zmq.Socket[bytes]"]:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    with context.socket(zmq.PAIR) as bound:
        bound.setsockopt(zmq.LINGER, 0)
        for option in (zmq.RCVTIMEO, zmq.SNDTIMEO):
            bound.setsockopt(option, int(PATIENCE_S * 1000))
        bound.setsockopt(zmq.MAXMSGSIZE, MOST)
        bound.bind(f"ipc://{endpoint}")
        yield bound
    context.term()


@contextlib.contextmanager
def connect(endpoint: str, timeout_s: float = PATIENCE_S) -> Iterator[Channel]:
    channel = Channel(endpoint, os.getppid(), MOST, timeout_s)
    try:
        yield channel
    finally:
        channel.close()


@pytest.fixture
def link(broker: "zmq.Socket[bytes]", endpoint: str) -> Iterator[Channel]:
    with connect(endpoint) as channel:
        yield channel


@pytest.fixture
def listener(endpoint: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.settimeout(PATIENCE_S)
        listening.bind(endpoint)
        listening.listen()
        yield listening


@pytest.fixture
def raw(listener: socket.socket, endpoint: str) -> Iterator[tuple[socket.socket, Channel]]:
    """A peer that speaks by hand, hands shaken."""
    peers: list[socket.socket] = []

    def accept() -> None:
        peers.append(listener.accept()[0])
        peers[0].sendall(zmtp.GREETING + zmtp.READY)

    with contextlib.ExitStack() as stack:
        with beside(accept):
            channel = stack.enter_context(connect(endpoint))
        stack.enter_context(peers[0])
        peers[0].settimeout(PATIENCE_S)
        read_exactly(peers[0], len(zmtp.GREETING + zmtp.READY))
        yield peers[0], channel


@contextlib.contextmanager
def beside(action: Callable[[], object]) -> Iterator[None]:
    thread = threading.Thread(target=action)
    thread.start()
    try:
        yield
    finally:
        thread.join(PATIENCE_S)
    assert not thread.is_alive()


def send_all(link: Channel, messages: list[bytes]) -> None:
    for message in messages:
        link.send(message)


def read_exactly(peer: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = peer.recv(count - len(data))
        assert part
        data += part
    return data


def test_messages_of_every_size_go_both_ways(link: Channel, broker: "zmq.Socket[bytes]") -> None:
    for size in SIZES:
        message = os.urandom(size)
        broker.send(message)
        assert link.receive() == message
        link.send(message)
        assert broker.recv() == message


def test_many_messages_at_once_keep_their_order(link: Channel, broker: "zmq.Socket[bytes]") -> None:
    sent = [b"%d" % number * (number % 700) for number in range(300)]
    for message in sent:
        broker.send(message)
    assert [link.receive() for _ in sent] == sent
    with beside(lambda: send_all(link, sent)):
        assert [broker.recv() for _ in sent] == sent


def test_several_messages_that_are_sent_together_keep_their_order_and_size(
    link: Channel, broker: "zmq.Socket[bytes]"
) -> None:
    messages = [os.urandom(size) for size in (10, *SIZES, 20_000, 20_000, 1)]
    with beside(lambda: link.send_all((message[:5], message[5:]) for message in messages)):
        assert [broker.recv() for _ in messages] == messages


def test_short_messages_that_are_sent_together_are_one_write(
    link: Channel, broker: "zmq.Socket[bytes]", monkeypatch: pytest.MonkeyPatch
) -> None:
    writes: list[int] = []
    write = Channel._write  # noqa: SLF001

    def counting(channel: Channel, parts: list[bytes | memoryview]) -> None:
        writes.append(len(parts))
        write(channel, parts)

    monkeypatch.setattr(Channel, "_write", counting)
    link.send_all([(b"one", b"!"), (b"two",), (b"",)])
    assert [broker.recv() for _ in range(3)] == [b"one!", b"two", b""]
    assert writes == [1]


def test_waiting_ends_in_time_and_nothing_is_lost(link: Channel, broker: "zmq.Socket[bytes]") -> None:
    assert link.receive_soon(0) is None
    start = time.monotonic()
    assert link.receive_soon(0.05) is None
    assert 0.04 < time.monotonic() - start < 2 + BUSY_S
    with pytest.raises(ChannelClosedError):
        link.receive_within(0.01)
    broker.send(b"one")
    broker.send(b"two")
    assert link.receive_soon(PATIENCE_S) == b"one"
    assert link.receive_within(PATIENCE_S) == b"two"


def test_pings_of_the_library_are_answered(endpoint: str) -> None:
    """It hangs up on who does not."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    with context.socket(zmq.PAIR) as bound:
        bound.setsockopt(zmq.HEARTBEAT_IVL, 20)
        bound.setsockopt(zmq.HEARTBEAT_TIMEOUT, 100)
        bound.bind(f"ipc://{endpoint}")
        with connect(endpoint) as link:
            assert link.receive_soon(0.4) is None
            link.send(b"still here")
            assert bound.poll(int(PATIENCE_S * 1000))
            assert bound.recv() == b"still here"
    context.term()


def test_a_closed_peer_ends_it_at_once(link: Channel, broker: "zmq.Socket[bytes]") -> None:
    broker.close()
    start = time.monotonic()
    with pytest.raises(ChannelClosedError):
        link.receive()
    with pytest.raises(ChannelClosedError):
        link.send(bytes(1_000_000))
    assert time.monotonic() - start < Channel.PARENT_CHECK_S


def test_what_was_sent_before_closing_is_still_received(raw: tuple[socket.socket, Channel]) -> None:
    peer, channel = raw
    peer.sendall(zmtp.head(2) + b"ok" + zmtp.head(5) + b"cut")
    peer.close()
    assert channel.receive() == b"ok"
    with pytest.raises(ChannelClosedError):
        channel.receive()


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(b"\x01\x01a\x00\x01b", id="two parts"),
        pytest.param(zmtp.command(b"SUBSCRIBE"), id="a command of other sockets"),
        pytest.param(zmtp.head(MOST + 1), id="a message that is too long"),
        pytest.param(b"\xff" * 10, id="no protocol"),
    ],
)
def test_a_peer_that_is_no_broker_is_left(raw: tuple[socket.socket, Channel], stream: bytes) -> None:
    peer, channel = raw
    peer.sendall(stream)
    with pytest.raises(ChannelClosedError):
        channel.receive()


def test_a_reader_that_takes_its_time_gets_everything(
    raw: tuple[socket.socket, Channel], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than a send may take in one go: that only leads to a look at the parent."""
    peer, channel = raw
    channel._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", 0, 30_000))  # noqa: SLF001
    message = os.urandom(2_000_000)
    looks = threading.Semaphore(0)
    parent = os.getppid()

    def look() -> int:
        looks.release()
        return parent

    monkeypatch.setattr(os, "getppid", look)
    expected = zmtp.head(len(message)) + message
    with beside(lambda: channel.send(message)):
        assert looks.acquire(timeout=PATIENCE_S)
        got = read_exactly(peer, 300_000)
        assert looks.acquire(timeout=PATIENCE_S)
        got += read_exactly(peer, len(expected) - len(got))
    assert got == expected


@pytest.mark.parametrize(
    "wait", [Channel.receive, lambda link: link.receive_soon(0), lambda link: link.send(bytes(MOST))]
)
def test_an_orphan_does_not_wait(
    raw: tuple[socket.socket, Channel], wait: Callable[[Channel], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    _peer, channel = raw
    channel._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", 0, 10_000))  # noqa: SLF001
    monkeypatch.setattr(Channel, "PARENT_CHECK_S", 0.01)
    monkeypatch.setattr(os, "getppid", lambda: 1 << 22)
    with pytest.raises(ChannelClosedError):
        wait(channel)


@contextlib.contextmanager
def interrupted() -> Iterator[threading.Semaphore]:
    """Signals all the time, each of which is told. Not SIGALRM, which ends a test that takes too long."""
    caught = threading.Semaphore(0)
    before = signal.signal(signal.SIGUSR1, lambda _number, _frame: caught.release())
    is_over = threading.Event()

    def interrupt() -> None:
        while not is_over.wait(0.002):
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        yield caught
    finally:
        is_over.set()
        thread.join(PATIENCE_S)
        signal.signal(signal.SIGUSR1, before)


def test_signals_break_neither_receiving_nor_sending(raw: tuple[socket.socket, Channel]) -> None:
    peer, channel = raw
    message = os.urandom(3_000_000)
    got: list[bytes] = []

    def other_side() -> None:
        for at in range(0, len(message), 300_000):
            peer.sendall(((zmtp.head(len(message))) if not at else b"") + message[at : at + 300_000])
            assert caught.acquire(timeout=PATIENCE_S)  # in the middle of a message
        got.append(read_exactly(peer, len(zmtp.head(len(message))) + len(message)))

    with interrupted() as caught, beside(other_side):
        assert channel.receive() == message
        channel.send(message)
    assert got == [zmtp.head(len(message)) + message]


def test_whoever_takes_an_answer_does_not_wake_the_worker_that_gave_it(raw: tuple[socket.socket, Channel]) -> None:
    peer, channel = raw
    told, tell = os.pipe()
    child = os.fork()
    if not child:
        try:
            channel._parent_pid = os.getppid()  # noqa: SLF001
            channel.send(b"an answer")
            before = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
            channel.receive()
            os.write(tell, bytes([min(255, resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw - before)]))
        finally:
            os._exit(0)  # whatever happened: this process must not go on with the tests
    os.close(tell)
    try:
        wait_until_asleep(child)
        read_exactly(peer, len(zmtp.head(0)) + len(b"an answer"))
        wait_until_asleep(child)
        peer.sendall(zmtp.head(4) + b"next")
        assert os.read(told, 1) == b"\x01"
    finally:
        os.close(told)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def wait_until_asleep(pid: int) -> None:
    """Until it waits for something, twice in a row: it was woken meanwhile, perhaps."""
    give_up_at, seen = time.monotonic() + PATIENCE_S, 0
    while seen < 2:
        assert time.monotonic() < give_up_at
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        seen = seen + 1 if state == "S" else 0
        time.sleep(0.005)


def test_nobody_there_or_silent(endpoint: str, listener: socket.socket) -> None:
    with pytest.raises(ChannelClosedError):
        Channel(endpoint + "x", os.getppid(), MOST, PATIENCE_S)
    start = time.monotonic()
    with pytest.raises(ChannelClosedError):
        Channel(endpoint, os.getppid(), MOST, 0.05)  # connected, and never answered
    assert time.monotonic() - start < 2 + BUSY_S


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 400 Bad Request".ljust(64), zmtp.GREETING, zmtp.GREETING + zmtp.command(b"ERROR", b"\0")],
)
def test_whoever_listens_is_no_broker(endpoint: str, listener: socket.socket, answer: bytes) -> None:
    def reply() -> None:
        with listener.accept()[0] as peer:
            peer.sendall(answer)
            peer.shutdown(socket.SHUT_WR)
            with contextlib.suppress(OSError):
                while peer.recv(1000):
                    pass

    with beside(reply), pytest.raises(ChannelClosedError):
        Channel(endpoint, os.getppid(), MOST, PATIENCE_S)
