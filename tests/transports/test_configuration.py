"""`filewarden check`: what would end `serve` at its first step is found before, and nothing is made or started."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from filewarden.config.options import VARIABLE_PREFIX
from filewarden.transports.cli import main

Json = dict[str, Any]
Capture = pytest.CaptureFixture[str]


def is_ours(variable: str) -> bool:
    """Such as FILEWARDEN_PYTHON, by which somebody chooses what the tests run with."""
    return variable.startswith(VARIABLE_PREFIX)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with nothing in it, and a folder `served` to serve."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "MCP_ROOT", *filter(is_ours, os.environ)):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "served").mkdir()
    for folder in (tmp_path, tmp_path / "served"):
        folder.chmod(0o755)  # for the account that workers become where we are root
    return tmp_path


def check(home: Path, text: str, *arguments: str) -> int:
    (home / "config.toml").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        words = ["check", "--config", str(home / "config.toml"), *arguments, str(home / "served")]
        patch.setattr(sys, "argv", ["filewarden", *words])
        return main()


def test_what_is_in_order_is_said_and_nothing_is_made(home: Path, capsys: Capture) -> None:
    before = set(home.rglob("*"))
    assert check(home, "[http]\nenabled = true\n") == 0
    assert f"root served: {home / 'served'} (ro)" in capsys.readouterr().out
    assert set(home.rglob("*")) - before == {home / "config.toml"}


def test_for_a_program_it_is_one_document_in_both_cases(home: Path, capsys: Capture) -> None:
    assert check(home, "[pool]\nworkers = 1\n", "--json") == 0
    document: Json = json.loads(capsys.readouterr().out)
    assert (document["ok"], document["problems"], document["file"]) == (True, [], str(home / "config.toml"))
    assert document["roots"] == [{"name": "served", "path": str(home / "served"), "mode": "ro"}]
    assert len(document["warnings"]) == 1
    assert check(home, "[pool]\nworkers = 0\n", "--json") == 2
    said = capsys.readouterr()
    (problem,) = json.loads(said.out)["problems"]
    assert (problem["key"], problem["sentence"]) == ("pool.workers", "must be at least 1")
    assert said.err == ""


ISSUER = '[http]\nissuer = "https://login.example"\njwks_file = "keys.json"\n'


@pytest.mark.parametrize(
    ("text", "files", "key"),
    [
        (ISSUER, {}, "http.jwks_file"),
        (ISSUER, {"keys.json": "{}"}, "http.jwks_file"),
        (ISSUER, {"keys.json": '{"keys": []}'}, "http.jwks_file"),
        ('[http]\nsealing_keys_file = "keys"\n', {}, "http.sealing_keys_file"),
        ('[http]\nsealing_keys_file = "keys"\n', {"keys": "short"}, "http.sealing_keys_file"),
        ('[http]\ntoken_file = "token"\n', {"token": "short"}, "http.token_file"),
        ("[deadlines.tool]\nread_fil = 1.0\n", {}, "deadlines.tool.read_fil"),
    ],
)
def test_files_that_are_named_are_opened(
    text: str, files: dict[str, str], key: str, home: Path, capsys: Capture
) -> None:
    for name, content in files.items():
        (home / name).write_text(content)
        (home / name).chmod(0o600)
    assert check(home, text) == 2
    assert capsys.readouterr().err.startswith(f"config error: 1 problem\n  {key}")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[audit]\nfile = "none/audit.jsonl"\n', "audit.file: {home}/none/audit.jsonl cannot be written: its folder"),
        ('[log]\nfile = "none/log"\n', "log.file: {home}/none/log cannot be written: its folder does not exist"),
        ('[log]\nfile = "served"\n', "log.file: {home}/served cannot be written: it is no file that you may write"),
        ('[http]\nenabled = true\ntoken_file = "none/token"\n', "http.token_file: {home}/none/token cannot be"),
    ],
)
def test_files_that_cannot_be_made_are_told(text: str, sentence: str, home: Path, capsys: Capture) -> None:
    before = set(home.rglob("*"))
    assert check(home, text) == 2
    assert f"1 problem\n  {sentence.format(home=home)}" in capsys.readouterr().err
    assert check(home, text.replace("none/", "").replace('"served"', '"log"')) == 0
    assert set(home.rglob("*")) - before == {home / "config.toml"}


@pytest.mark.skipif(os.geteuid() != 0, reason="about being started as root")
def test_what_the_account_of_the_workers_may_not_do_is_told(home: Path, capsys: Capture) -> None:
    served = home / "served"
    text = '[sandbox]\nuser = "65534"\n'
    assert check(home, text) == 0
    assert "warning" not in capsys.readouterr().out
    assert check(home, text, "--allow-write") == 0
    assert f"warning: {served} (drwxr-xr-x) is rw, but user 65534" in capsys.readouterr().out
    served.chmod(0o700)
    assert check(home, text) == 2
    assert f"{served} (drwx------) cannot be read by user 65534" in capsys.readouterr().err
    os.chown(served, 65534, 65534)
    assert check(home, text, "--allow-write") == 0
    assert "warning" not in capsys.readouterr().out


def test_settings_are_shown_without_a_folder_to_serve_too(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(sys, "argv", ["filewarden", "config", "show", "--workers", "3"])
    assert main() == 0
    said = capsys.readouterr()
    assert "--workers" in next(line for line in said.out.splitlines() if line.startswith("workers "))
    assert said.err.startswith("note: no folder to serve")
    monkeypatch.setattr(sys, "argv", ["filewarden", "config", "show", str(home / "served")])
    assert main() == 0
    assert capsys.readouterr().err == ""


def test_a_collector_s_address_and_headers_are_looked_at(home: Path, capsys: Capture) -> None:
    text = '[telemetry]\notlp_endpoint = "http://127.0.0.1:1"\n'
    assert check(home, text) == 0
    assert check(home, f'{text}headers_file = "headers"\n') == 2
    assert "telemetry.headers_file" in capsys.readouterr().err
    assert check(home, '[telemetry]\notlp_endpoint = "localhost:4317"\n') == 2
    assert "must be an http or https address" in capsys.readouterr().err


def test_profiles_are_told_with_whom_they_are_for(home: Path, capsys: Capture) -> None:
    text = '[http]\nenabled = true\n[[profiles]]\nname = "a"\nprincipals = ["token:ci"]\n'
    text += f'[[profiles.roots]]\npath = "{home}"\n'
    assert check(home, text) == 0
    said = capsys.readouterr().out
    assert "profile a: token:ci" in said
    assert f"  root {home.name}: {home} (ro)" in said
    assert not (home / ".local").exists()
    assert check(home, text, "--json") == 0
    (profile,) = json.loads(capsys.readouterr().out)["profiles"]
    assert (profile["name"], profile["principals"]) == ("a", ["token:ci"])
    (home / "tokens").mkdir()
    (home / "tokens" / "ci").write_text("short")
    assert check(home, f'{text}[access]\ntokens_folder = "{home}/tokens"\n') == 2
    assert "access.tokens_folder: " in capsys.readouterr().err


HTTP = "[http]\nenabled = true\n"


@pytest.mark.parametrize(
    ("text", "arguments", "fix"),
    [
        (HTTP, (), "  http.token_file: needs that folder: name a file elsewhere"),
        ("", ("--status", "127.0.0.1:0"), "  http.token_file: needs that folder: name a file elsewhere"),
        ("", ("--allow-write",), ""),
        (f'{HTTP}token_file = "given"\n[[profiles]]\nname = "a"\nprincipals = ["token:ci"]\n', (), ""),
    ],
)
def test_a_state_folder_that_cannot_be_had_is_told_where_it_is_needed(
    text: str, arguments: tuple[str, ...], fix: str, home: Path, capsys: Capture
) -> None:
    (home / "own").mkdir()
    text += f'[[profiles.roots]]\npath = "{home / "own"}"\n' if "profiles" in text else ""
    assert check(home, text, *arguments) == 0
    (home / ".local").touch()
    assert check(home, text, *arguments) == 2
    state = home / ".local" / "state" / "filewarden"
    count, sentence = "2 problems" if fix else "1 problem", "cannot be used as a private folder: Not a directory"
    assert f"{count}\n  {state}: {sentence}\n{fix}" in capsys.readouterr().err
    assert check(home, "") == 0
    assert check(home, "[history]\nenabled = false\n", "--allow-write") == 0


def test_the_token_that_is_there_is_read(home: Path, capsys: Capture) -> None:
    state = home / ".local" / "state" / "filewarden"
    state.mkdir(parents=True, mode=0o700)
    (state / "token").write_text("0123456789abcdef\n")
    (state / "token").chmod(0o644)
    assert check(home, "") == 0
    assert check(home, HTTP) == 2
    assert f"http.token_file: {state}/token can be read by others (mode 0644)" in capsys.readouterr().err
    assert check(home, f'{HTTP}auth = "none"\ntoken_file = "{state}/token"\n') == 0, "a server does not look at it"
    (state / "token").chmod(0o600)
    assert check(home, HTTP) == 0


def test_problems_of_every_kind_are_told_at_once(home: Path, capsys: Capture) -> None:
    text = '[audit]\nfile = "none/audit.jsonl"\n[deadlines.tool]\nread_fil = 1.0\n'
    assert check(home, text) == 2
    said = capsys.readouterr().err
    assert said.startswith("config error: 2 problems\n")
    assert "audit.file" in said
    assert "deadlines.tool.read_fil" in said


def test_plugins_are_looked_at_without_leaving_anything_beside_them(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    (home / "plugins").mkdir()
    (home / "plugins" / "words_of_check.py").write_text("TOOLS = 3\n")
    monkeypatch.syspath_prepend(str(home / "plugins"))
    assert check(home, '[tools]\nplugins = ["words_of_check"]\n') == 2
    assert "tools.plugins = words_of_check" in capsys.readouterr().err
    assert [path.name for path in (home / "plugins").iterdir()] == ["words_of_check.py"]
