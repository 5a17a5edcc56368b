"""Flushing two files at once."""

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


def test_a_file_is_flushed_when_the_block_ends(flusher: Flusher, fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[int] = []
    monkeypatch.setattr(os, "fdatasync", flushed.append)
    for number in range(3):
        with flusher.flushing(fd):
            pass
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
    with flusher.flushing(fd):
        assert came.wait(20), "nothing is flushed while the caller works"
        goes_on.set()


def test_what_goes_wrong_is_raised_once(flusher: Flusher, fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fail)
        with pytest.raises(OSError, match="Input/output") as raised, flusher.flushing(fd):
            pass
    assert raised.value.errno == errno.EIO
    with flusher.flushing(fd):
        pass


def test_what_the_caller_raises_goes_first_and_leaves_nothing_behind(
    flusher: Flusher, fd: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(KeyError), flusher.flushing(fd):
        raise KeyError
    flushed: list[int] = []
    monkeypatch.setattr(os, "fdatasync", flushed.append)
    with flusher.flushing(fd):
        pass
    assert flushed == [fd]
