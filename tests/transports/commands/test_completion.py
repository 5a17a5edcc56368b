"""The completion scripts, in the shells themselves."""

import shutil
import subprocess
from pathlib import Path

import pytest

from filewarden.config.flags import flags
from filewarden.transports.commands.completion import script
from filewarden.transports.commands.table import COMMANDS, SHELLS, all_flags, first_words

BASH = """
source {script}
COMP_WORDS=({words}); COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
_filewarden
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
ZSH = """
compdef() {{ :; }}
_describe() {{ print -l -- ${{found%%:*}}; }}
_arguments() {{ print -l -- "$@"; }}
source {script}
words=({words}); CURRENT=$#words
_filewarden
"""
FISH = "source {script}; complete -C 'filewarden {line}'"


def completed(shell: str, text: str, folder: Path) -> list[str]:
    """What the shell makes of a line that ends with the word to complete, which may be empty."""
    path = folder / f"completion.{shell}"
    path.write_text(script(shell))
    words = " ".join(word or "''" for word in ["filewarden", *text.split(" ")])
    bodies = {"bash": BASH, "zsh": ZSH, "fish": FISH}
    body = bodies[shell].format(script=path, words=words, line=text)
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"{shell} is not installed here")
    command = [found, *(["--norc", "--noprofile"] if shell == "bash" else ["-f"] if shell == "zsh" else []), "-c", body]
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "TERM": "dumb", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        command,
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    assert done.stderr == ""
    return [line.split("\t")[0].rstrip("/") for line in done.stdout.splitlines() if line]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file.toml").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ser", ["serve"]),
        ("config ", ["show", "init", "schema", "--help"]),
        ("audit verify --l", ["--last"]),
        ("serve --log-level ", ["debug", "info", "warning", "error"]),
        ("config show --sandbox = be", ["best-effort"]),
        ("serve --root fo", ["folder"]),
        ("serve --config fi", ["file.toml"]),
        ("serve fi", []),
        ("audit verify fi", ["file.toml"]),
        ("client co", ["codex"]),
        ("client codex fo", ["folder"]),
        ("completion ", list(SHELLS)),
        ("serve --port ", []),
    ],
)
def test_bash_completes(text: str, found: list[str], place: Path) -> None:
    assert completed("bash", text, place) == found


def test_bash_knows_every_word_and_flag(place: Path) -> None:
    assert completed("bash", "", place) == [*first_words(), "--help", "--version"]
    assert set(completed("bash", "check --", place)) == {*flags(), "--json", "--help"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ser", ["serve"]),
        ("config ", ["init", "schema", "show"]),
        ("audit verify --l", ["--last"]),
        ("serve --log-level ", ["debug", "error", "info", "warning"]),
        ("completion ", sorted(SHELLS)),
    ],
)
def test_fish_completes(text: str, found: list[str], place: Path) -> None:
    assert sorted(completed("fish", text, place)) == found


def test_zsh_knows_every_word_and_flag(place: Path) -> None:
    assert completed("zsh", "", place) == first_words()
    assert completed("zsh", "config ", place) == ["show", "init", "schema"]
    shown = completed("zsh", "config show ", place)
    assert [line.lstrip("*").split("=[")[0].split("[")[0] for line in shown[:-1]] == ["--json", *flags(), "--help"]
    assert shown[-1] == "*:ROOT:_files -"
    assert "--log-format=[How a log line is written.]:text:(text json)" in shown


@pytest.mark.parametrize("shell", SHELLS)
def test_every_flag_of_every_command_is_in_every_script(shell: str) -> None:
    text = script(shell)
    for command in COMMANDS:
        for flag in all_flags(command):
            assert (f"-l {flag.name[2:]}" if shell == "fish" else flag.name) in text
