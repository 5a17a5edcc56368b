"""What becomes of a command whose output is not taken: closed, left, a full disk, letters it has no bytes for."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from filewarden.transports import reload_view, status_view
from filewarden.transports.cli import main

PRODUCT = (sys.executable, "-c", "from filewarden.transports.cli import main; raise SystemExit(main())")
SHOW = ("config", "show", "--workers", "3")


def run(words: tuple[str, ...], redirection: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command through a shell that redirects its output."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("FILEWARDEN_", "PYTHON"))}
    command = ["sh", "-c", f'"$@" {redirection}', "sh", *PRODUCT, *words]
    return subprocess.run(
        command, env=environ | variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("words", [("--version",), SHOW])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_is_told_in_one_sentence(words: tuple[str, ...], unbuffered: str) -> None:
    ended = run(words, ">/dev/full", PYTHONUNBUFFERED=unbuffered)
    assert ended.returncode == 1
    assert ended.stderr.endswith("the output cannot be written: No space left on device\n")
    assert "Traceback" not in ended.stderr


def test_a_reader_that_leaves_is_no_failure() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = subprocess.run(
            [*PRODUCT, "status", "--json"], stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60
        )
    finally:
        os.close(writing)
    assert ended.returncode == 0
    assert "BrokenPipe" not in ended.stderr


def test_closed_streams_take_nothing_and_break_nothing(tmp_path: Path) -> None:
    ended = run(SHOW, ">&-")
    assert (ended.returncode, ended.stdout) == (0, "")
    assert "Traceback" not in ended.stderr
    assert run(("check", str(tmp_path / "none")), "2>&-").returncode == 2
    assert run(("check", str(tmp_path / "none")), "<&- >&- 2>&-").returncode == 2


def test_letters_that_the_output_has_no_bytes_for_are_escaped(tmp_path: Path) -> None:
    folder = tmp_path / "schnee\N{SNOWMAN}"
    folder.mkdir(mode=0o755)
    ended = run(("config", "show", str(folder)), "", PYTHONIOENCODING="latin-1")
    assert ended.returncode == 0
    assert "schnee\\u2603" in ended.stdout


@pytest.mark.parametrize(("command", "module"), [("status", status_view), ("reload", reload_view)])
def test_what_cannot_be_read_is_named(
    command: str,
    module: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "run").touch()
    monkeypatch.setattr(module, "runtime_folder", lambda _environ, _uid: str(tmp_path / "run"))
    monkeypatch.setattr(sys, "argv", ["filewarden", command])
    assert main() == 1
    assert capsys.readouterr().err == f"filewarden {command}: {tmp_path}/run: Not a directory\n"


def test_a_working_folder_that_was_deleted_is_told(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    command = ["sh", "-c", 'rmdir "$PWD" && "$@"', "sh", *PRODUCT, "demo"]
    ended = subprocess.run(command, cwd=gone, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert ended.stderr.startswith("filewarden demo: what was the current one is no folder")


def test_paths_are_utf_8_whatever_the_locale_says(tmp_path: Path) -> None:
    folder = tmp_path / "schnee\N{SNOWMAN}"
    folder.mkdir(mode=0o755)
    file = tmp_path / "config.toml"
    file.write_text(f'[[roots]]\npath = "{folder}"\n')
    legacy = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for words in ((str(folder),), ("--config", str(file))):
        ended = run(("config", "show", "--json", *words), "", **legacy)
        assert ended.returncode == 0, ended.stderr
        assert json.loads(ended.stdout)["settings"]["roots.0.path"]["value"] == str(folder)
