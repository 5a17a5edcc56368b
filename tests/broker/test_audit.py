"""The audit log as a server writes it: its lines, its files, and what it does when it cannot be written."""

import contextlib
import os
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from filewarden.broker.audit import AuditLog, open_audit
from filewarden.broker.audit_backlog import MOST_WAITING
from filewarden.broker.audit_entry import MOST_PATH_CHARS, named_path
from filewarden.broker.audit_verification import Findings, Verifier
from filewarden.broker.call import Call
from filewarden.broker.caller import Caller
from filewarden.broker.log import Log
from filewarden.broker.path_arguments import PATH_NAMES
from filewarden.broker.protocol.outcome import Asked, Failed, Outcome, Succeeded
from filewarden.broker.protocol.principal import Principal
from filewarden.config.sections.audit import AuditSettings
from filewarden.workers.audit import files as audit_files
from filewarden.workers.audit.chain import MOST_LINE_BYTES
from filewarden.workers.catalogue import CATALOGUE
from filewarden.workers.errors import Code
from filewarden.workers.operations import Complete, LocateResources, ReadResource

DONE = Succeeded(ReadResource("never in it"), text="content")
Json = dict[str, Any]


class Named(msgspec.Struct):
    path: str = ""
    paths: list[str] = []
    content: str = ""
    pattern: str = ""


class NamedOne(msgspec.Struct):
    path: str = ""


class Desk:
    """Stands for the loop and the launcher: what is asked for is done when the test says so."""

    def __init__(self, settings: AuditSettings, log: Log, audit: Callable[..., AuditLog]) -> None:
        self.seconds = 1000.0
        self.settling: dict[Callable[[], None], None] = {}
        self.timers: list[Callable[[], None]] = []
        self.has_asked = False
        self.settings = settings
        self.audit = audit(settings, log)
        stand_in: Any = self
        self.audit.start(stand_in, self._ask)

    def _ask(self) -> None:
        self.has_asked = True

    def now(self) -> float:
        return self.seconds

    def at(self, _when: float, action: Callable[[], None]) -> None:
        self.timers.append(action)

    def settle(self, action: Callable[[], None]) -> None:
        self.settling[action] = None

    def tick(self) -> None:
        """The end of a tick: what settles, and the launcher's answer to what was asked for."""
        actions, self.settling = list(self.settling), {}
        for action in actions:
            action()
        self.answer()

    def answer(self) -> bool:
        if not self.has_asked:
            return False
        self.has_asked = False
        folder, name = os.path.split(self.settings.file)
        folder_fd = audit_files.open_folder(folder)
        try:
            self.audit.adopt(audit_files.current(folder_fd, name, self.settings.keep), "")
        except OSError as error:
            self.audit.adopt(None, audit_files.reason_of(error))
        finally:
            os.close(folder_fd)
        return True

    def wait(self) -> None:
        """The next retry."""
        timers, self.timers = self.timers, []
        for action in timers:
            action()
        self.tick()


@pytest.fixture
def make_desk(tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    desks: list[Desk] = []
    fd = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def make(audit: Callable[..., AuditLog] = open_audit, **settings: Any) -> Desk:
        given = AuditSettings(**{"file": str(tmp_path / "audit.jsonl"), "max_bytes": 0, **settings})
        desk = Desk(given, Log(fd), audit)
        desks.append(desk)
        return desk

    yield make
    for desk in desks:
        desk.audit.close(desk.answer)
    os.close(fd)


@pytest.fixture
def record(make_call: Callable[..., Call]) -> Callable[..., None]:
    def record(desk: Desk, arguments: msgspec.Struct | None = None, outcome: Outcome | None = DONE) -> None:
        desk.seconds += 1
        call = make_call()
        call.submitted_at = desk.now() - 0.0015
        call.arguments = arguments or Named("a.txt")
        desk.audit.record(call, outcome)
        desk.tick()

    return record


def lines(*paths: Path) -> list[bytes]:
    return [line for path in paths for line in path.read_bytes().splitlines(keepends=True)]


def entries(*paths: Path) -> list[Json]:
    return [msgspec.json.decode(line) for line in lines(*paths)]


def calls(*paths: Path) -> list[Json]:
    return [entry for entry in entries(*paths) if "call" in entry]


def verified(*paths: Path) -> Findings:
    return Verifier().read(lines(*paths))


def test_a_line_says_who_did_what_where_with_what_outcome(make_desk: Any, record: Any, tmp_path: Path) -> None:
    desk = make_desk()
    record(desk, Named("src/main.py", content="secret text", pattern="needle"))
    record(desk, Named("x"), Failed(Code.ACCESS_DENIED, "Access denied: secret text"))
    record(desk, Named("x"), None)
    record(desk, Named("x"), Asked({}))
    file = tmp_path / "audit.jsonl"
    first, *others = calls(file)
    moment = first.pop("time")
    assert (len(moment), moment[10], moment[-1]) == (24, "T", "Z")
    for left_out in ("seq", "prev", "server"):
        first.pop(left_out)
    assert first == {
        "call": 1,
        "principal": "local",
        "client": "a",
        "tool": "noop",
        "outcome": "ok",
        "ms": 1.5,
        "paths": ["src/main.py"],
        "pattern": "needle",
    }
    assert [entry["outcome"] for entry in others] == ["access_denied", "cancelled", "asked"]
    assert b"secret text" not in file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600
    assert verified(file).fault is None


def test_what_could_not_be_read_as_a_call_stands_among_the_others(
    make_desk: Any, make_call: Callable[..., Call], tmp_path: Path
) -> None:
    desk = make_desk()
    desk.seconds += 1
    desk.audit.record(make_call(), DONE)
    desk.audit.record_unread(Caller("b", Principal("ann")), "no such tool", 7)
    desk.audit.record(make_call(), DONE)
    desk.tick()
    file = tmp_path / "audit.jsonl"
    before, unread, after = calls(file)
    assert (before["call"], after["call"]) == (1, 2)
    assert {name: unread[name] for name in ("call", "principal", "client", "tool", "outcome", "ms")} == {
        "call": 7,
        "principal": "ann",
        "client": "b",
        "tool": "no such tool",
        "outcome": "invalid_argument",
        "ms": 0.0,
    }
    assert verified(file).fault is None


def test_hostile_paths_are_shown_harmless_and_in_part(make_desk: Any, record: Any, tmp_path: Path) -> None:
    desk = make_desk()
    record(desk, Named('a\n\x1b[2J\u202e"}\\x41'))
    record(desk, Named("caf\\xE9", ["caf\xe9\u200b", "\ud800"]))
    record(desk, Named("\u202e" * 20_000, [f"file{number}" for number in range(50)]))
    record(desk, Named('"event":"end"}'))
    record(desk, Named("", ["x" * MOST_PATH_CHARS, "y"], pattern="p\n" * 5000))
    file = tmp_path / "audit.jsonl"
    assert verified(file).fault is None
    assert all(len(line) <= MOST_LINE_BYTES and line[:-1].decode().isprintable() for line in lines(file))
    first, written, long, _, several = calls(file)
    assert first["paths"] == ['a\\x0A\\x1B[2J\\xE2\\x80\\xAE"}\\x5Cx41']
    assert written["paths"] == ["caf\\xE9", "caf\xe9\\xE2\\x80\\x8B", "\\xED\\xA0\\x80"]
    assert (len(long["paths"][0]), long["paths_cut"]) == (MOST_PATH_CHARS, 51)
    assert (several["paths"], several["paths_cut"]) == (["x" * MOST_PATH_CHARS], 1)
    assert len(several["pattern"]) <= 200


def test_a_call_with_one_path_shows_it_likewise(make_desk: Any, record: Any, tmp_path: Path) -> None:
    desk = make_desk()
    for path in ("a.txt", "", "a\n", "x" * (MOST_PATH_CHARS + 1), "x" * MOST_PATH_CHARS):
        record(desk, NamedOne(path))
    shown = [(entry.get("paths"), entry.get("paths_cut")) for entry in calls(tmp_path / "audit.jsonl")]
    whole = ["x" * MOST_PATH_CHARS]
    assert shown == [(["a.txt"], None), (None, None), (["a\\x0A"], None), (whole, 1), (whole, None)]


def test_the_path_that_is_told_of_a_call_is_harmless_and_bounded() -> None:
    assert named_path(Named(content="text"), 8) == ""
    assert named_path(Named("", ["a\n", "b"]), 8) == "a\\x0A"
    assert named_path(Named("x" * 9), 8) == "x" * 8
    assert named_path(Named("\n" * 8), 8) == "\\x0A\\x0A"


def test_every_operation_says_which_of_its_arguments_are_paths() -> None:
    """What a tool takes as a path has the length of one."""
    for tool in CATALOGUE:
        for field in msgspec.structs.fields(tool.arguments):
            schema = msgspec.json.schema(field.type)
            if {schema.get("maxLength"), schema.get("items", {}).get("maxLength")} & {16384}:
                assert field.name in PATH_NAMES, f"{tool.name}: {field.name}"
    for struct in (ReadResource, LocateResources):
        assert {field.name for field in msgspec.structs.fields(struct)} <= set(PATH_NAMES)
    assert "value" in Complete.__struct_fields__


def test_a_later_server_goes_on_where_the_file_ends(make_desk: Any, record: Any, tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    for _ in range(3):
        desk = make_desk()
        record(desk)
        desk.audit.close(desk.answer)
    findings = verified(file)
    assert (findings.fault, findings.lines, findings.open_servers) == (None, 10, ())
    assert [entry["seq"] for entry in entries(file)] == list(range(1, 11))


def test_two_servers_write_one_chain(make_desk: Any, record: Any, tmp_path: Path) -> None:
    one, two = make_desk(max_bytes=8192), make_desk(max_bytes=8192)
    for _ in range(30):
        record(one)
        record(two)
    files = [tmp_path / name for name in ("audit.jsonl.2", "audit.jsonl.1", "audit.jsonl")]
    findings = verified(*(file for file in files if file.exists()))
    assert findings.fault is None
    assert len(findings.open_servers) == 2
    assert len(calls(*(file for file in files if file.exists()))) == 60


def test_a_full_file_is_put_aside_and_the_chain_goes_on(make_desk: Any, record: Any, tmp_path: Path) -> None:
    desk = make_desk(max_bytes=4096, keep=3)
    for _ in range(60):
        record(desk)
    files = [tmp_path / name for name in ("audit.jsonl.3", "audit.jsonl.2", "audit.jsonl.1", "audit.jsonl")]
    assert sorted(tmp_path.glob("audit*")) == sorted(files)
    assert verified(*files).fault is None
    assert verified(files[-1]).fault is None, "each file can be checked alone"
    for file in files[:-1]:
        assert 4096 <= file.stat().st_size < 4096 + 1024
        assert entries(file)[-1]["event"] == "end"
    assert entries(files[-1])[0]["event"] == "continue"


def test_a_server_that_ends_while_it_waits_for_a_file_loses_nothing(
    make_desk: Any, record: Any, tmp_path: Path, make_call: Callable[..., Call]
) -> None:
    desk = make_desk(max_bytes=1)
    for _ in range(2):
        desk.audit.record(make_call(), DONE)
    desk.audit.close(desk.answer)
    assert len(calls(*tmp_path.glob("audit.jsonl*"))) == 2
    assert verified(*sorted(tmp_path.glob("audit.jsonl*"), reverse=True)).open_servers == ()


@contextlib.contextmanager
def disk_full_at(size: int) -> Iterator[None]:
    """No file of this process grows beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("on_error", ["refuse", "continue"])
@pytest.mark.parametrize("room", [0, 200])
def test_a_disk_that_is_full_for_a_while(on_error: str, room: int, make_desk: Any, record: Any, tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    desk = make_desk(on_error=on_error)
    record(desk)
    before = file.read_bytes()
    too_many = 5
    with disk_full_at(len(before) + room):
        for _ in range(2 + too_many + MOST_WAITING):
            record(desk)
            desk.timers.clear()
            if desk.audit.status().lost_total == too_many:
                break
        assert verified(file).fault is None, "no torn line"
        status = desk.audit.status()
        assert (status.state, status.on_error, status.lost_total) == ("degraded", on_error, too_many)
        assert (desk.audit.refusal is not None) == (on_error == "refuse")
    desk.timers.append(desk.audit.flush)
    desk.wait()
    assert desk.audit.status().state == "ok"
    assert desk.audit.refusal is None
    findings = verified(file)
    assert (findings.fault, findings.lost) == (None, too_many)
    gap = next(entry for entry in entries(file) if entry.get("event") == "gap")
    assert (gap["lost"], gap["reason"]) == (too_many, status.reason)


def test_no_room_at_all(make_desk: Any, record: Any) -> None:
    """As full(4) has it, from the first line on."""
    fd = os.open("/dev/full", os.O_RDWR | os.O_APPEND)
    desk = make_desk(audit=lambda settings, log: AuditLog(fd, msgspec.structs.replace(settings, file="/dev/full"), log))
    record(desk)
    status = desk.audit.status()
    assert (status.state, status.reason, status.lines_total) == ("degraded", "No space left on device", 0)
    assert desk.audit.refusal is not None


def test_a_file_that_is_moved_keeps_its_lines_and_the_chain_goes_on_in_a_new_one(
    make_desk: Any, record: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, moved = tmp_path / "audit.jsonl", tmp_path / "moved"
    desk = make_desk()
    record(desk)
    file.rename(moved)
    monkeypatch.setattr("filewarden.broker.audit_file.LOOK_S", 0.0)
    record(desk)
    record(desk)
    assert len(calls(moved)) == 1
    assert len(calls(file)) == 2
    assert verified(moved, file).fault is None


def put(kind: str, place: Path, victim: Path) -> None:
    """Something that no line may be written to."""
    match kind:
        case "link":
            place.symlink_to(victim)
        case "pipe":
            os.mkfifo(place)
        case "folder":
            place.mkdir()
        case _:
            pass


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_stands_in_place_of_the_file_is_never_written_to(
    kind: str, make_desk: Any, record: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("filewarden.broker.audit_file.LOOK_S", 0.0)
    file, victim = tmp_path / "audit.jsonl", tmp_path / "victim"
    victim.write_text("not ours")
    desk = make_desk()
    file.unlink()
    put(kind, file, victim)
    record(desk)
    assert victim.read_text() == "not ours"
    assert desk.audit.refusal is not None
    assert desk.audit.status().reason in ("it is a symbolic link", "it is no regular file", "it is a folder")
    (file.rmdir if kind == "folder" else file.unlink)()
    record(desk, Named("refused"), Failed(Code.IO_ERROR, ""))
    desk.wait()
    assert desk.audit.refusal is None
    assert [entry["outcome"] for entry in calls(file)] == ["ok", "io_error"]


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "nowhere"])
def test_a_log_that_is_no_file_is_refused_at_start(kind: str, make_desk: Any, tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    (tmp_path / "victim").write_text("")
    put(kind, file, tmp_path / "victim")
    with pytest.raises(OSError, match=r"it is|folder"):
        make_desk(**({"file": str(tmp_path / "no" / "audit.jsonl")} if kind == "nowhere" else {}))


@pytest.mark.parametrize("end", [b"half a li", b"garbage\n", b"\xff\x00\n"])
def test_a_damaged_end_stays_to_be_seen_and_lines_go_on_after_it(
    end: bytes, make_desk: Any, record: Any, tmp_path: Path
) -> None:
    file = tmp_path / "audit.jsonl"
    desk = make_desk()
    record(desk)
    desk.audit.close(desk.answer)
    whole = len(lines(file))
    with file.open("ab") as stream:
        stream.write(end)
    record(make_desk())
    findings = verified(file)
    assert findings.fault is not None
    assert findings.fault.line == whole + 1
    assert "damaged at its end" in (tmp_path / "log").read_text()


@pytest.mark.parametrize("left", [0, 1, -2, -50])
def test_an_end_that_is_cut_off_while_the_server_runs_is_seen_in_the_chain(
    left: int, make_desk: Any, record: Any, tmp_path: Path
) -> None:
    file = tmp_path / "audit.jsonl"
    desk = make_desk()
    for _ in range(3):
        record(desk)
    size = file.stat().st_size
    os.truncate(file, left if left >= 0 else size + left)
    record(desk)
    assert verified(file).fault is not None
    assert "cut off" in (tmp_path / "log").read_text()
