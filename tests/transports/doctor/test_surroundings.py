"""What the doctor sees beside the worker: our own files, the machine's limits, and clients that start us."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from filewarden.config.load import Loaded
from filewarden.config.settings import Settings
from filewarden.transports.doctor import limits
from filewarden.transports.doctor.client_rows import client_rows
from filewarden.transports.doctor.findings import Row, State
from filewarden.transports.doctor.limits import limit_rows
from filewarden.transports.doctor.own_files import own_file_rows
from filewarden.transports.doctor.view import Answer, as_text


def by_what(rows: Any) -> dict[str, Row]:
    return {row.what: row for row in rows}


def settings(**sections: Any) -> Settings:
    return msgspec.convert(sections, Settings)


@pytest.mark.parametrize(
    ("section", "key", "what", "good", "bad"),
    [
        ("http", "sealing_keys_file", "the sealing keys are ours alone", 0o600, 0o640),
        ("http", "jwks_file", "nobody else changes the issuer's keys", 0o644, 0o664),
        ("audit", "file", "nobody else changes the audit log", 0o640, 0o602),
        ("log", "file", "nobody else changes the log", 0o644, 0o666),
    ],
)
def test_our_own_files_are_ours(section: str, key: str, what: str, good: int, bad: int, tmp_path: Path) -> None:
    file = tmp_path / "file"
    loaded = Loaded(settings=settings(**{section: {key: str(file)}}), origins={}, warnings=(), file=None)
    environ = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}
    assert what not in by_what(own_file_rows(loaded, environ)), "not there yet"
    assert list(tmp_path.iterdir()) == [], "whoever looks as another account must leave no folder of theirs"
    file.touch()
    for mode, state in ((good, State.HELD), (bad, State.BROKEN)):
        file.chmod(mode)
        row = by_what(own_file_rows(loaded, environ))[what]
        assert (row.state, f"{mode:04o}" in row.seen, bool(row.why)) == (state, True, state is State.BROKEN)


def test_a_token_that_is_named_is_judged_without_a_home_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def unknown(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.setattr("pwd.getpwuid", unknown)
    file = tmp_path / "token"
    file.touch(0o644)
    loaded = Loaded(settings=settings(http={"token_file": str(file)}), origins={}, warnings=(), file=None)
    rows = by_what(own_file_rows(loaded, {}))
    assert rows["the token is ours alone"].state is State.BROKEN
    assert "the state folder is ours alone" not in rows


def test_a_file_that_no_server_could_write_is_found(tmp_path: Path) -> None:
    file = str(tmp_path / "none" / "audit.jsonl")
    loaded = Loaded(settings=settings(audit={"file": file}), origins={}, warnings=(), file=None)
    environ = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}
    row = by_what(own_file_rows(loaded, environ))["a server can use the files that are named"]
    assert (row.state, row.seen) == (
        State.BROKEN,
        f"audit.file: {file} cannot be written: its folder does not exist",
    )


def test_a_configuration_that_others_may_change_is_found_and_warnings_are_shown(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.touch()
    file.chmod(0o666)
    loaded = Loaded(settings=Settings(), origins={}, warnings=("look",), file=str(file))
    rows = by_what(own_file_rows(loaded, {"XDG_STATE_HOME": str(tmp_path)}))
    assert rows["nobody else changes the configuration"].state is State.BROKEN
    assert rows["a warning of the configuration"].state is State.ADVICE


def test_limits_that_are_too_low_are_advice_with_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "max_user_watches").write_text("100\n")
    (tmp_path / "max_user_instances").write_text("128\n")
    monkeypatch.setattr(limits, "INOTIFY", str(tmp_path))
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text(f"{512 * 1024 * 1024}\n")
    monkeypatch.setattr(limits, "CONTROL_GROUPS", str(tmp_path))
    monkeypatch.setattr(limits, "probe", lambda: SimpleNamespace(why_not={}))  # it forks, and tests have threads
    rows = by_what(limit_rows(settings(pool={"workers": 4, "spares": 1})))
    watches = rows["enough of inotify's max_user_watches"]
    assert (watches.state, "sysctl fs.inotify.max_user_watches=1000" in watches.why) == (State.ADVICE, True)
    assert rows["enough of inotify's max_user_instances"].state is State.HELD
    memory = rows["enough memory for every worker at its limit"]
    assert (memory.state, memory.seen) == (
        State.ADVICE,
        "5 workers of 256 MiB, 512 MiB of this control group",
    )
    answer = Answer(server="x", version="1", mode="required", machine={}, level="full", rows=[memory])
    assert answer.exit_status == 0
    assert "enough memory for every worker at its limit: 5 workers" in as_text(answer)


Write = Callable[[object], None]


@pytest.fixture
def cursor(tmp_path: Path) -> Write:
    """Write Cursor's file."""

    def write(servers: object) -> None:
        (tmp_path / ".cursor").mkdir(exist_ok=True)
        (tmp_path / ".cursor" / "mcp.json").write_text("// mine\n" + json.dumps({"mcpServers": servers}))

    return write


def rows_of(home: Path) -> list[Row]:
    return list(client_rows({"HOME": str(home), "XDG_STATE_HOME": str(home / "state")}))


def program(folder: Path) -> str:
    path = folder / "filewarden"
    path.touch()
    path.chmod(0o755)
    return str(path)


def test_clients_without_us_are_no_news(tmp_path: Path, cursor: Write) -> None:
    assert rows_of(tmp_path) == []
    cursor({"other": {"command": "npx", "args": ["-y", "x"]}, "far": {"url": "https://filewarden"}, "odd": 7})
    assert rows_of(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["serve", "{home}"], ""),
        (["serve", "${workspaceFolder}"], ""),
        (["serve", "{home}/missing"], "does not exist"),
        (["serve", "{home}", "--workrs", "2"], "unknown flag"),
        (["{home}"], 'lack "serve"'),
    ],
)
def test_what_a_client_would_run_is_tried(arguments: list[str], fault: str, tmp_path: Path, cursor: Write) -> None:
    words = [word.replace("{home}", str(tmp_path)) for word in arguments]
    cursor({"files": {"command": program(tmp_path), "args": words}})
    (row,) = rows_of(tmp_path)
    assert row.what == 'Cursor can start "files"'
    assert (row.state is State.ADVICE) == bool(fault)
    assert fault in row.why


@pytest.mark.parametrize("command", ["/nowhere/filewarden", "filewarden"])
def test_a_program_that_is_not_there_is_found(
    command: str, tmp_path: Path, cursor: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    cursor({"files": {"command": command, "args": ["serve", str(tmp_path)]}})
    (row,) = rows_of(tmp_path)
    assert row.state is State.ADVICE
    assert "program" in row.why


def test_codex_is_read_too_and_a_file_that_is_none_is_said(tmp_path: Path, cursor: Write) -> None:
    (tmp_path / ".codex").mkdir()
    (tmp_path / ".codex" / "config.toml").write_text(
        f'[mcp_servers.files]\ncommand = "{program(tmp_path)}"\nargs = ["serve", "{tmp_path}"]\n'
    )
    (tmp_path / ".cursor").mkdir()
    (tmp_path / ".cursor" / "mcp.json").write_text("{")
    rows = by_what(rows_of(tmp_path))
    assert rows['Codex can start "files"'].state is State.HELD
    assert rows["Cursor can be read"].state is State.ADVICE
    assert os.path.basename(rows["Cursor can be read"].seen) == "mcp.json"
