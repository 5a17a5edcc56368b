"""The broker's side of one worker, with an honest or a hostile peer on a real ZeroMQ link."""

import os
import select
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import zmq

from filewarden.broker import shelf as broker
from filewarden.broker.call import Call
from filewarden.broker.lifecycle import Exit, State
from filewarden.broker.link import Links
from filewarden.broker.process import LinkLost, Violation
from filewarden.broker.worker import Worker
from filewarden.workers import wire
from filewarden.workers.shelf import MEMORY_BYTES, SHELF_BYTES, Shelf

REPORT = wire.pack_report(
    wire.Report(level="strong", layers={"seccomp": {"active": True}}, degraded=("no namespaces",), refusal=None)
)


class Peer:
    """What connects to a worker's endpoint."""

    def __init__(self, endpoint: str) -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.socket = self.context.socket(zmq.PAIR)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.RCVTIMEO, 20_000)
        self.socket.connect(f"ipc://{endpoint}")

    def send(self, message: Any) -> None:
        self.socket.send(message if isinstance(message, bytes) else wire.pack(message))

    def close(self) -> None:
        self.socket.close()
        self.context.term()


@pytest.fixture
def peer(worker: Worker) -> Iterator[Peer]:
    peer = Peer(worker.endpoint)
    yield peer
    peer.close()


def frames(worker: Worker, timeout_s: float = 20.0) -> list[Any]:
    """What arrives within a time."""
    assert worker.link_fd is not None
    poll = select.poll()
    poll.register(worker.link_fd, select.POLLIN)
    for _ in range(100):
        found = worker.next_frame()
        if found is not None:
            return [found]
        poll.poll(timeout_s * 10)
    return []


def greet(worker: Worker, peer: Peer) -> None:
    peer.send(wire.Hello(worker.secret))
    poll = zmq.Poller()
    poll.register(peer.socket, zmq.POLLIN)
    while not poll.poll(10):
        worker.next_frame()
    assert isinstance(wire.unpack_to_worker(peer.socket.recv()), wire.Go)


def make_ready(worker: Worker, peer: Peer) -> None:
    greet(worker, peer)
    peer.send(wire.Ready(REPORT))
    (ready,) = frames(worker)
    worker.confined(ready, 1.0)


def test_the_endpoint_is_gone_after_the_hello_and_the_link_stays(worker: Worker, peer: Peer) -> None:
    assert os.path.exists(worker.endpoint)
    greet(worker, peer)
    assert not os.path.exists(worker.endpoint)
    peer.send(wire.Ready(REPORT))
    assert len(frames(worker)) == 1


def test_a_report_makes_it_idle(worker: Worker, peer: Peer) -> None:
    make_ready(worker, peer)
    assert worker.state is State.IDLE
    assert worker.report is not None
    assert worker.report.level == "strong"


def test_a_call_goes_there_and_its_answer_comes_back(
    worker: Worker, peer: Peer, make_call: Callable[..., Call]
) -> None:
    make_ready(worker, peer)
    call = make_call()
    worker.assign(call, 2.0)
    worker.send(wire.pack(wire.Calls([wire.Call(call.id, "noop", 1.0, b"\x80")])))
    assert worker.state is State.BUSY
    received = wire.unpack_to_worker(peer.socket.recv())
    assert isinstance(received, wire.Calls)
    peer.send(wire.Answer(received.calls[0].call, memoryview(b"\x80"), None))
    (answer,) = frames(worker)
    assert worker.answered(answer.call, 2.0) is call
    assert (worker.state, worker.calls_total) == (State.IDLE, 1)


HOSTILE = [
    pytest.param(b"", id="empty"),
    pytest.param(b"\xc1", id="no MessagePack"),
    pytest.param(b"\x91\xa5bogus", id="unknown type"),
    pytest.param(wire.pack(wire.Hello("0" * 32)), id="wrong secret"),
    pytest.param(wire.pack(wire.Go()), id="a message of ours"),
    pytest.param(b"\xdd\xff\xff\xff\xff", id="array of four billion"),
    pytest.param(b"\x94\xa6answer\x01\xc6\xff\xff\xff\xff", id="lying length"),
    pytest.param(b"\x91" * 50_000, id="nested"),
    pytest.param(b"\x95\xa7refusal\x01\xadaccess_denied\xa1x\x80", id="fine but out of turn"),
]


@pytest.mark.parametrize("frame", HOSTILE)
def test_an_illegal_first_frame_is_a_violation(worker: Worker, peer: Peer, frame: bytes) -> None:
    peer.send(frame)
    with pytest.raises(Violation):
        take_answers(worker)


def take_answers(worker: Worker) -> None:
    for frame in frames(worker):
        worker.answered(frame.call, 2.0)


def test_a_second_hello_is_a_violation(worker: Worker, peer: Peer) -> None:
    greet(worker, peer)
    peer.send(wire.Hello(worker.secret))
    with pytest.raises(Violation):
        frames(worker)


def test_a_message_of_several_parts_is_a_violation(worker: Worker, peer: Peer) -> None:
    peer.socket.send_multipart([wire.pack(wire.Hello(worker.secret)), b"more"])
    with pytest.raises(Violation):
        frames(worker)


def test_a_report_before_the_hello_or_twice_is_a_violation(worker: Worker, peer: Peer) -> None:
    with pytest.raises(Violation):
        worker.confined(wire.Ready(REPORT), 1.0)
    make_ready(worker, peer)
    with pytest.raises(Violation):
        worker.confined(wire.Ready(REPORT), 1.0)


@pytest.mark.parametrize("report", [b"", b"\xc0", b"\x81\xa1a\x01", b"\x80", REPORT + b"\0", b"\x91" * 70_000])
def test_a_report_that_is_none_is_a_violation(worker: Worker, peer: Peer, report: bytes) -> None:
    greet(worker, peer)
    with pytest.raises(Violation):
        worker.confined(wire.Ready(report), 1.0)


def test_an_answer_to_another_call_is_a_violation(worker: Worker, peer: Peer, make_call: Callable[..., Call]) -> None:
    make_ready(worker, peer)
    with pytest.raises(Violation):
        worker.answered(1, 2.0)
    call = make_call()
    worker.assign(call, 2.0)
    with pytest.raises(Violation):
        worker.answered(call.id + 1, 2.0)


def test_an_oversize_frame_ends_the_link(worker: Worker, peer: Peer) -> None:
    greet(worker, peer)
    peer.send(wire.Answer(1, memoryview(bytes(200_000)), None))
    with pytest.raises((LinkLost, Violation)):
        frames(worker)


def test_a_condemned_worker_hands_its_call_back(worker: Worker, peer: Peer, make_call: Callable[..., Call]) -> None:
    make_ready(worker, peer)
    call = make_call()
    worker.assign(call, 2.0)
    assert worker.leave() is call
    assert worker.link_fd is None


def test_another_process_cannot_join(links: Links) -> None:
    worker = Worker(2, links.endpoint(), 0.0)
    os.close(worker.open_gate())
    read_end, write_end = os.pipe()
    worker.spawned(os.getppid(), read_end, links)  # the filter names somebody else
    intruder = Peer(worker.endpoint)
    intruder.send(wire.Hello(worker.secret))
    assert frames(worker, 0.2) == []
    assert os.path.exists(worker.endpoint)
    intruder.close()
    worker.leave()
    os.close(read_end)
    os.close(write_end)


def test_exits_have_the_names_of_the_status_document() -> None:
    assert {exit_.value for exit_ in Exit} == {
        "deadline", "memory", "cancelled", "crash", "recycled", "protocol", "violation",
    }  # fmt: skip


def test_a_worker_fetches_from_its_shelf_what_was_laid_there(worker: Worker) -> None:
    with pytest.raises(Violation):
        worker.fetch(1)
    (fd,) = worker.open_shelf()
    shelf = Shelf(os.dup(fd))
    assert shelf.lay(b"text")
    assert [bytes(piece.as_json()) for piece in worker.fetch(4).pieces] == [b"text"]
    for length in (-1, 0, worker.most_bytes + 1, SHELF_BYTES, SHELF_BYTES + 1):
        with pytest.raises(Violation):
            worker.fetch(length)
    assert shelf.lay(b"no \xff")
    with pytest.raises(Violation):
        worker.fetch(4)
    worker.leave()
    with pytest.raises(Violation):
        worker.fetch(4)


def test_what_is_kept_no_longer_is_forgotten_by_the_shelf_too(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    forgotten: list[broker.Shelf] = []
    monkeypatch.setattr(broker.Shelf, "forget", lambda shelf: forgotten.append(shelf))
    (fd,) = worker.open_shelf()
    Shelf(os.dup(fd)).lay(b"text")
    worker.busy_since = 5.0
    worker.fetch(4)
    worker.forget_text(5.0)
    assert not forgotten
    worker.forget_text(5.1)
    assert len(forgotten) == 1


def test_a_worker_keeps_the_latest_text_for_a_while(worker: Worker) -> None:
    (fd,) = worker.open_shelf()
    shelf = Shelf(os.dup(fd))
    assert worker.kept_bytes == 0
    worker.busy_since = 5.0
    shelf.lay(b"text")
    first = worker.fetch(4)
    shelf.lay(b"text")
    assert worker.fetch(4).pieces[0] is first.pieces[0]
    assert worker.kept_bytes == MEMORY_BYTES + 3 * 4
    worker.forget_text(5.0)
    assert worker.kept_bytes == MEMORY_BYTES + 3 * 4
    worker.forget_text(5.1)
    assert worker.kept_bytes == MEMORY_BYTES, "the shelf stays mapped"
    shelf.lay(b"text")
    assert worker.fetch(4).pieces[0] is not first.pieces[0]
    worker.leave()
    assert worker.kept_bytes == 0
