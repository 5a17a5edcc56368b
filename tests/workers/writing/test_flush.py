"""What is flushed, and let go, and how often."""

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from filewarden.workers.history import flush
from filewarden.workers.history.flush import Flush, flush_all
from filewarden.workers.history.let_go import LetGo

Flushed = list[tuple[str, int]]


@pytest.fixture
def fds(tmp_path: Path) -> Iterator[list[int]]:
    made = [os.open(tmp_path / str(number), os.O_WRONLY | os.O_CREAT) for number in range(3)]
    yield made
    for fd in made:
        os.close(fd)


@pytest.fixture
def flushed(monkeypatch: pytest.MonkeyPatch) -> Flushed:
    """What was done with which descriptor, in its order."""
    done: Flushed = []

    def noting(what: str) -> Callable[[int], None]:
        return lambda fd: done.append((what, fd))

    for name in ("fsync", "fdatasync"):
        monkeypatch.setattr(os, name, noting(name))
    monkeypatch.setattr(flush, "begin_writeback", noting("begun"))
    return done


def test_a_file_is_flushed_when_that_is_waited_for_and_once(fds: list[int], flushed: Flushed) -> None:
    whole, content = Flush(fds[0]), Flush(fds[1], is_content=True)
    assert flushed == []
    for each in (content, whole, content):
        each.finish()
    assert flushed == [("fdatasync", fds[1]), ("fsync", fds[0])]


def test_all_are_begun_before_the_first_is_waited_for_and_what_shares_a_place_is_flushed_once(
    fds: list[int], flushed: Flushed
) -> None:
    flushes = [Flush(fds[0], "folder"), Flush(fds[1], is_content=True), Flush(fds[2], "folder")]
    flush_all(flushes)
    expected = [("begun", fds[0]), ("begun", fds[1]), ("fsync", fds[0]), ("fdatasync", fds[1])]
    assert flushed == expected
    for each in flushes:
        each.finish()
    assert flushed == expected
    flush_all([Flush(fds[0])])
    assert flushed[4:] == [("fsync", fds[0])], "of one alone there is nothing to begin before"


def test_what_goes_wrong_is_told_to_each_that_it_is_about(fds: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fsync

    def fail(fd: int) -> None:
        if fd == fds[0]:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(fd)

    monkeypatch.setattr(os, "fsync", fail)
    first, other, sharing = (Flush(fd, place) for fd, place in zip(fds, ("folder", "file", "folder"), strict=True))
    flush_all([first, other, sharing])
    other.finish()
    for each in (first, sharing, first):
        with pytest.raises(OSError, match="Input/output") as raised:
            each.finish()
        assert raised.value.errno == errno.EIO


@pytest.mark.parametrize("rests", [True, False])
def test_what_is_let_go_is_closed_when_nobody_waits(fds: list[int], *, rests: bool) -> None:
    let_go, others = LetGo(rests=rests), [os.dup(fd) for fd in fds]
    for other in others:
        let_go.add(other)
    for other in others if rests else ():
        os.fstat(other)
    let_go.rest()
    for other in others:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(other)
