import json
import os
import stat
import sys
from pathlib import Path

import pytest

from filewarden.transports.clients.command import show_client
from filewarden.transports.clients.formats import CLIENTS
from filewarden.transports.clients.places import System
from filewarden.transports.commands.help import help_of
from filewarden.transports.commands.table import group
from filewarden.transports.exit_status import EXIT_FAILURE, EXIT_OK, EXIT_USAGE


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "home").mkdir()
    (tmp_path / "project").mkdir()
    return {"HOME": str(tmp_path / "home"), "PATH": os.environ["PATH"]}


@pytest.fixture
def project(tmp_path: Path, environ: dict[str, str]) -> str:
    return str(tmp_path / "project")


def printed(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, dict[str, object]]]:
    shown: dict[str, dict[str, dict[str, object]]] = json.loads(capsys.readouterr().out)
    return shown


@pytest.mark.parametrize("name", [name for name, client in CLIENTS.items() if client.syntax == "json"])
def test_a_snippet_starts_this_server_on_the_folder(
    name: str, project: str, environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert show_client([name, project, "--allow-write", "--workers", "2"], environ) == EXIT_OK
    (table,) = printed(capsys).values()
    entry = table["files"]
    assert os.path.isabs(str(entry["command"]))
    arguments = entry["args"]
    assert isinstance(arguments, list)
    assert arguments[-4:] == [project, "--allow-write", "--workers", "2"]
    assert "serve" in arguments


def test_a_relative_root_is_made_absolute(
    tmp_path: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path / "home")
    assert show_client(["cursor", "../project", "--root=../home"], environ) == EXIT_OK
    arguments = printed(capsys)["mcpServers"]["files"]["args"]
    assert isinstance(arguments, list)
    assert arguments[-2:] == [str(tmp_path / "project"), str(tmp_path / "home")]


def test_roots_of_a_configuration_file_stay_in_it(
    tmp_path: Path,
    project: str,
    environ: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "own.toml").write_text(f'[[roots]]\npath = "{project}"\n')
    monkeypatch.chdir(tmp_path)
    assert show_client(["cursor", "--config", "own.toml"], environ) == EXIT_OK
    arguments = printed(capsys)["mcpServers"]["files"]["args"]
    assert isinstance(arguments, list)
    assert arguments[-2:] == ["--config", str(tmp_path / "own.toml")]
    assert project not in arguments


def test_over_http_the_entry_is_an_address_and_no_token(
    environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    for name, client in CLIENTS.items():
        if client.remote is not None:
            assert show_client([name, "--http", "--port", "9123"], environ) == EXIT_OK
            out = capsys.readouterr().out
            assert "http://127.0.0.1:9123/mcp" in out
            assert not os.path.exists(os.path.join(environ["HOME"], ".local"))  # nothing was created for it
    assert show_client(["claude-desktop", "--http"], environ) == EXIT_USAGE
    assert "leave --http out" in capsys.readouterr().err


def test_over_http_it_is_said_where_the_token_stands(
    tmp_path: Path, environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "own.toml"
    own.write_text(f'[http]\nenabled = true\ntoken_file = "{tmp_path}/secrets/token"\n')
    assert show_client(["cursor", "--http"], environ) == EXIT_OK
    assert os.path.join(environ["HOME"], ".local/state/filewarden/token") in capsys.readouterr().err
    assert show_client(["vscode", "--http", "--config", str(own)], environ) == EXIT_OK
    assert f"{tmp_path}/secrets/token" in capsys.readouterr().err
    target = tmp_path / "mcp.json"
    wanted = ["cursor", "--http", "--config", str(own), "--install", "--yes", "--file", str(target)]
    assert show_client(wanted, environ) == EXIT_OK
    assert f"{tmp_path}/secrets/token" in capsys.readouterr().err
    for other in (["--http", "--auth", "none"], [str(tmp_path / "project")]):
        assert show_client(["cursor", *other], environ) == EXIT_OK
        assert "The token stands" not in capsys.readouterr().err


@pytest.mark.parametrize("name", [name for name, client in CLIENTS.items() if client.remote])
def test_a_server_without_auth_is_brought_no_credential(
    name: str, environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert show_client([name, "--http", "--auth", "none"], environ) == EXIT_OK
    shown = capsys.readouterr()
    assert "http://127.0.0.1:8765/mcp" in shown.out
    assert "token" not in (shown.out + shown.err).lower()
    assert "Authorization" not in shown.out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "name a client: claude-desktop"),
        (["cusor"], 'did you mean "cursor"?'),
        (["cursor", "--name"], "--name needs a value"),
        (["cursor", "/nowhere"], "does not exist"),
        (["cursor", "/tmp", "--wokers", "2"], "--workers"),
        (["cursor"], "no folder to serve"),
        (["generic", "/", "--install"], "roots.0.path"),
    ],
)
def test_bad_usage_is_told(
    arguments: list[str], sentence: str, environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert show_client(arguments, environ) == EXIT_USAGE
    assert sentence in capsys.readouterr().err


def test_installing_shows_the_change_and_keeps_the_old_file(
    project: str, environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    place = Path(environ["HOME"], ".cursor", "mcp.json")
    place.parent.mkdir()
    old = '{\r\n  "mcpServers": {\r\n    "git": {"command": "g"} // mine\r\n  }\r\n}\r\n'
    place.write_bytes(old.encode())
    place.chmod(0o640)
    assert show_client(["cursor", project, "--install", "--yes"], environ) == EXIT_OK
    shown = capsys.readouterr().err
    assert '+    "files": {' in shown
    new = place.read_bytes().decode()
    assert '"git": {"command": "g"} // mine\r\n' in new
    assert new.count("\n") == new.count("\r\n")
    assert stat.S_IMODE(place.stat().st_mode) == 0o640
    (backup,) = place.parent.glob("*.backup")
    assert backup.read_bytes().decode() == old
    assert str(backup) in shown
    assert show_client(["cursor", project, "--install", "--yes"], environ) == EXIT_OK
    assert "has it already" in capsys.readouterr().err
    assert sorted(path.name for path in place.parent.iterdir()) == sorted(["mcp.json", backup.name])


def test_a_new_file_is_private_and_links_stay_links(project: str, environ: dict[str, str]) -> None:
    folder = Path(environ["HOME"], ".cursor")
    folder.mkdir()
    (folder / "mcp.json").symlink_to("dotfiles.json")
    (folder / "dotfiles.json").write_text("{}")
    assert show_client(["cursor", project, "--install", "--yes"], environ) == EXIT_OK
    assert (folder / "mcp.json").is_symlink()
    assert "files" in json.loads((folder / "dotfiles.json").read_text())["mcpServers"]
    assert show_client(["windsurf", project, "--install", "--yes"], environ) == EXIT_OK
    made = Path(environ["HOME"], ".codeium", "windsurf", "mcp_config.json")
    assert stat.S_IMODE(made.stat().st_mode) == 0o600


def test_nothing_is_written_unasked(
    project: str, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with open(os.devnull) as nobody:
        monkeypatch.setattr(sys, "stdin", nobody)
        assert show_client(["cursor", project, "--install"], environ) == EXIT_USAGE
    assert "--yes" in capsys.readouterr().err
    assert not Path(environ["HOME"], ".cursor").exists()


def test_a_file_that_cannot_be_edited_stays_as_it_is(
    project: str, environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    place = Path(environ["HOME"], ".cursor", "mcp.json")
    place.parent.mkdir()
    place.write_text('{"mcpServers": [oops')
    assert show_client(["cursor", project, "--install", "--yes"], environ) == EXIT_FAILURE
    assert "Nothing was written" in capsys.readouterr().err
    assert [path.name for path in place.parent.iterdir()] == ["mcp.json"]
    assert place.read_text() == '{"mcpServers": [oops'


def test_every_client_has_its_place_on_every_system() -> None:
    for platform in ("linux", "darwin", "win32"):
        system = System(platform, "/home/me", {})
        places = [client.place(system) for client in CLIENTS.values() if client.place]
        assert len(set(places)) == len(CLIENTS) - 1
        assert all(place.startswith("/home/me/") for place in places)
    claude = CLIENTS["claude-desktop"].place
    assert claude is not None
    assert claude(System("linux", "/home/me", {"XDG_CONFIG_HOME": "/etc/me"})).startswith("/etc/me/Claude/")


def test_the_help_names_every_client() -> None:
    shown = help_of(group("client"))
    assert all(name in shown for name in CLIENTS)
