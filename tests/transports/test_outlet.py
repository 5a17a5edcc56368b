"""What waits for a client that does not read, on a real pipe."""

import os
from collections.abc import Iterator

import pytest

from filewarden.broker.holdings import Holdings
from filewarden.broker.reactor import SelectorReactor
from filewarden.transports.outlet import MANY_BYTES, Outlet


@pytest.fixture
def ends() -> Iterator[tuple[int, int]]:
    pair = os.pipe()
    yield pair
    for fd in pair:
        os.close(fd)


def test_what_nothing_depends_on_is_not_kept_for_one_that_does_not_read(ends: tuple[int, int]) -> None:
    reactor, holdings, relieved = SelectorReactor(), Holdings(), []
    outlet = Outlet(ends[1], reactor, holdings, lambda: None, lambda: relieved.append(True))
    line = b"x" * 1_000_000
    told = 0
    while outlet.offer(line):
        told += 1
    assert told <= MANY_BYTES // len(line) + 1
    held = holdings.bytes
    assert not outlet.offer(b"small")
    outlet.write_line(b"an answer")  # is kept all the same
    assert holdings.bytes == held + len(b"an answer\n")
    received = b""
    while not outlet.is_empty:
        outlet.flush()
        received += os.read(ends[0], 1 << 20)
    assert received == (line + b"\n") * told + b"an answer\n"
    assert relieved
    assert outlet.offer(b"small")
    os.close(outlet.fd)
    reactor.close()
