"""What is done with those who do not read, and how often that is told."""

import os
from pathlib import Path

from filewarden.broker.holdings import Holdings
from filewarden.broker.log import Log
from filewarden.transports.http.peer import Nobody, SlowReaders


class Gone(Nobody):
    """Counts how often it was ended."""

    ends = 0

    def abort(self) -> None:
        self.ends += 1


def test_whoever_does_not_read_again_and_again_does_not_fill_the_log(tmp_path: Path) -> None:
    now, counted, peer = [100.0], [], Gone()
    path = tmp_path / "log"
    fd = os.open(path, os.O_CREAT | os.O_WRONLY)
    try:
        readers = SlowReaders(Log(fd), Holdings(), 1000, lambda: counted.append(True), now=lambda: now[0])
        for _ in range(1000):
            readers.drop(peer)
        now[0] += 60
        readers.drop(peer)
    finally:
        os.close(fd)
    assert [line.rpartition(" ")[2] for line in path.read_text().splitlines()] == ["dropped=1", "dropped=1001"]
    assert (peer.ends, len(counted)) == (1001, 1001)
