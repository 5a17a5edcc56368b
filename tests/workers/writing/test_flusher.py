"""What is flushed, and let go, beside the caller."""

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from filewarden.workers.history.flusher import Flusher


@pytest.fixture(params=["with its thread", "in turn"])
def flusher(request: pytest.FixtureRequest) -> Flusher:
    flusher = Flusher()
    if request.param == "with its thread":
        flusher.start()
    return flusher


@pytest.fixture
def fd(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path / "file", os.O_WRONLY | os.O_CREAT)
    yield fd
    os.close(fd)


def test_a_file_is_flushed_when_it_was_waited_for(flusher: Flusher, fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[int] = []
    monkeypatch.setattr(os, "fdatasync", flushed.append)
    for number in range(3):
        flusher.begin(fd).finish()
        assert flushed == [fd] * (number + 1)


def test_the_thread_works_beside_the_caller(fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    flusher = Flusher()
    flusher.start()
    came = threading.Event()
    goes_on = threading.Event()

    def fdatasync(_: int) -> None:
        came.set()
        assert goes_on.wait(20)

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    flush = flusher.begin(fd)
    assert came.wait(20), "nothing is flushed while the caller works"
    goes_on.set()
    flush.finish()


def test_what_goes_wrong_is_raised_once(flusher: Flusher, fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fail)
        flush = flusher.begin(fd)
        with pytest.raises(OSError, match="Input/output") as raised:
            flush.finish()
    assert raised.value.errno == errno.EIO
    flusher.begin(fd).finish()


def test_what_is_let_go_is_closed_when_nobody_waits(flusher: Flusher, fd: int) -> None:
    others = [os.dup(fd), os.dup(fd)]
    for other in others:
        flusher.let_go(other)
    flusher.rest()
    for other in others:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(other)
    flusher.begin(fd).finish()
