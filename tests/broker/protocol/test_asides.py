"""What a running call tells on its way: progress that only grows, and log messages that were asked for."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from filewarden.broker.protocol.outcome import Succeeded
from filewarden.workers.note_level import NoteLevel
from filewarden.workers.wire import Note, Progress

Json = dict[str, Any]
OpenClient = Callable[..., Any]

NEWEST = "2026-07-28"
VERSIONS = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", NEWEST]
every_revision = pytest.mark.parametrize("version", VERSIONS)
LEVEL = "io.modelcontextprotocol/logLevel"


class Facts(msgspec.Struct):
    size: int = 1


def told(client: Any, call: Any, aside: Progress | Note) -> Json | None:
    frame = client.session.aside(call, aside)
    return None if frame is None else msgspec.json.decode(frame)["params"]


def note(level: NoteLevel) -> Note:
    return Note(0, level, "text")


@every_revision
@pytest.mark.parametrize("token", [0, "", "t", 7])
def test_progress_grows_strictly_and_carries_its_token(token: object, version: str, client_of: OpenClient) -> None:
    client = client_of(version)
    call = client.call(progressToken=token)
    found = [told(client, call, Progress(0, done, 9.5, None)) for done in (0, 1, 1, 0.5, 1.5, 9.5, 9.5)]
    assert [each and each["progress"] for each in found] == [0, 1, None, None, 1.5, 9.5, None]
    assert {type(each["progressToken"]) for each in found if each} == {type(token)}
    assert all(each["progressToken"] == token for each in found if each)


@every_revision
@pytest.mark.parametrize("done", [float("nan"), -1.0])
def test_progress_that_is_no_growth_is_dropped(done: float, version: str, client_of: OpenClient) -> None:
    client = client_of(version)
    assert told(client, client.call(progressToken=1), Progress(0, done, None, None)) is None


@every_revision
def test_nobody_is_told_of_progress_without_a_token(version: str, client_of: OpenClient) -> None:
    client = client_of(version)
    assert told(client, client.call(), Progress(0, 1, None, None)) is None


@every_revision
def test_nothing_is_told_after_the_end(version: str, client_of: OpenClient) -> None:
    client = client_of(version)
    call = client.call(progressToken=1, **{LEVEL: "debug"} if version == NEWEST else {})
    client.finish(call, Succeeded(Facts()))
    assert told(client, call, Progress(0, 1, None, None)) is None
    assert told(client, call, note(NoteLevel.EMERGENCY)) is None
    cancelled = client.call(progressToken=1)
    frame = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
    client.session.receive(msgspec.json.encode(frame))
    assert told(client, cancelled, Progress(0, 1, None, None)) is None


@pytest.mark.parametrize("version", VERSIONS[:-1])
def test_a_legacy_client_sets_its_level_for_the_session(version: str, client_of: OpenClient) -> None:
    client = client_of(version)
    call = client.call(request_id=1)
    assert told(client, call, note(NoteLevel.NOTICE)) is None
    assert told(client, call, note(NoteLevel.WARNING)) == {"level": "warning", "logger": "filewarden", "data": "text"}
    client.ask("logging/setLevel", {"level": "debug"}, request_id=2)
    louder = client.call(request_id=3)
    assert told(client, louder, note(NoteLevel.DEBUG)) is not None
    client.ask("logging/setLevel", {"level": "emergency"}, request_id=4)
    assert told(client, client.call(request_id=5), note(NoteLevel.ALERT)) is None


@pytest.mark.parametrize("level", [each.name.lower() for each in NoteLevel])
def test_a_modern_request_names_its_own_level(level: str, client_of: OpenClient) -> None:
    client = client_of(NEWEST)
    call = client.call(**{LEVEL: level})
    for each in NoteLevel:
        assert (told(client, call, note(each)) is not None) == (each >= NoteLevel[level.upper()])


def test_a_modern_request_without_a_level_hears_nothing(client_of: OpenClient) -> None:
    client = client_of(NEWEST)
    client.call(request_id=1, **{LEVEL: "debug"})
    call = client.call(request_id=2)
    assert [told(client, call, note(each)) for each in NoteLevel] == [None] * len(NoteLevel)
