"""Lines of the log: what is in them, and what becomes of those that nobody takes."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from filewarden.broker.call import Call
from filewarden.broker.call_log import CallLog
from filewarden.broker.log import Level, Log, open_log
from filewarden.broker.protocol.outcome import Failed
from filewarden.workers.errors import Code

MakeCall = Callable[..., Call]


@pytest.fixture
def lines(tmp_path: Path) -> Callable[..., list[str]]:
    """The lines that `write` makes in a file."""

    def run(write: Callable[[Log], None], *, is_json: bool = False) -> list[str]:
        path = tmp_path / "log"
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        try:
            write(Log(fd, is_json=is_json, server="a1b2c3d4"))
        finally:
            os.close(fd)
        return path.read_text().splitlines()

    return run


def test_lines_of_a_call_say_which_server_s(lines: Callable[..., list[str]], make_call: MakeCall) -> None:
    call = make_call(client="c")
    call.worker, call.trace = "ro/0", "4bf9"

    def write(log: Log) -> None:
        record = CallLog(log).record
        record(call, Failed(Code.NOT_FOUND, "a.txt was not found"), 0.00125)
        record(call, None, 1.0)
        log.warning("a call lost its worker", call=call.id)

    first, cancelled, lost = map(json.loads, lines(write, is_json=True))
    del first["time"]
    assert first == {
        "level": "info",
        "message": "call",
        "server": "a1b2c3d4",
        "call": call.id,
        "tool": call.tool.name,
        "outcome": "not_found",
        "ms": 1.25,
        "bytes": 0,
        "principal": "local",
        "client": "c",
        "worker": "ro/0",
        "trace": "4bf9",
    }
    assert cancelled["outcome"] == "cancelled"
    assert (lost["server"], lost["call"]) == ("a1b2c3d4", call.id)
    first, *_, lost = lines(write)
    assert f"call server=a1b2c3d4 call={call.id} tool=" in first
    assert lost.endswith(f"a call lost its worker server=a1b2c3d4 call={call.id}")


def test_what_moves_a_terminal_s_cursor_is_made_visible(lines: Callable[..., list[str]]) -> None:
    for is_json in (False, True):
        (line,) = lines(lambda log: log.info("a\x1b[2Jb\nc", reason="d\re"), is_json=is_json)
        assert line.isprintable()


def test_a_mistake_of_ours_is_told_by_kind_and_place_and_not_by_its_words(lines: Callable[..., list[str]]) -> None:
    def report(log: Log) -> None:
        try:
            open("/secret/of/a/client")  # noqa: SIM115  # it cannot be opened
        except OSError as error:
            log.fault(error)

    (line,) = lines(report)
    assert "error=FileNotFoundError" in line
    assert "where=test_log.py:" in line
    assert "secret" not in line


def test_facts_that_json_has_no_word_for_are_texts(lines: Callable[..., list[str]]) -> None:
    (line,) = lines(lambda log: log.warning("no socket", reason=OSError(13, "Permission denied")), is_json=True)
    assert json.loads(line)["reason"] == "[Errno 13] Permission denied"


def test_a_level_hides_what_is_below_it(tmp_path: Path) -> None:
    fd = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT)
    log = Log(fd, level=Level.WARNING)
    log.info("no")
    log.warning("yes")
    os.close(fd)
    assert (tmp_path / "log").read_text().count("\n") == 1


@pytest.mark.timeout(10)
def test_a_pipe_that_nobody_reads_stops_nobody_and_what_was_lost_is_counted() -> None:
    reader, writer = os.pipe()
    log = Log(writer)
    count = 0
    while not log.lost:
        log.info("x" * 500)
        count += 1
    log.info("lost too")
    taken = os.read(reader, 1 << 20)
    log.info("the next one")
    after = os.read(reader, 1 << 20)
    os.close(reader)
    os.close(writer)
    assert taken.count(b"\n") == count - 1
    assert b"lines are missing here" in after.splitlines()[0]
    assert b"lines=2" in after.splitlines()[0]
    assert after.splitlines()[1].endswith(b"the next one")


def test_a_file_that_is_emptied_in_place_goes_on_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = open_log(str(path), level="info", log_format="text")
    log.info("before")
    os.truncate(path, 0)
    log.info("after")
    assert path.read_text().count("\n") == 1
    assert "after" in path.read_text()
    assert "\0" not in path.read_text()
