"""What commands take, and what they say of the rest."""

import sys

import pytest

from filewarden.config.flags import read_flags
from filewarden.transports.cli import RUNNERS, main
from filewarden.transports.commands.command import Command
from filewarden.transports.commands.reading import UsageError, read
from filewarden.transports.commands.table import COMMANDS, find, group

STATUS, VERIFY, CHECK, COMPLETION = (
    find(name) or COMMANDS[0] for name in ("status", "audit verify", "check", "completion")
)


def test_every_command_but_serve_has_what_runs_it() -> None:
    assert {command.name for command in COMMANDS} == {"serve", *RUNNERS}


def test_flags_and_operands_in_any_order() -> None:
    found = read(VERIFY, ["a", "--json", "b", "--last", "12", "--", "-c"])
    assert (found.flags, found.operands) == ({"--json": "", "--last": "12"}, ["a", "b", "-c"])
    assert read(VERIFY, ["--last=12", "a"]).flags == {"--last": "12"}


def test_what_is_not_its_own_goes_to_the_configuration_as_it_is() -> None:
    found = read(CHECK, ["/srv", "--json", "--workers", "2", "--", "--json"])
    assert (found.as_json, found.rest) == (True, ["/srv", "--workers", "2", "--", "--json"])


@pytest.mark.parametrize(
    ("command", "words", "sentence"),
    [
        (STATUS, ["--jsn"], 'unknown flag --jsn; did you mean "--json"?'),
        (STATUS, ["x"], "there is nothing to be named here: 'x'"),
        (STATUS, ["--json=1"], "--json takes no value"),
        (VERIFY, [], "needs a FILE"),
        (VERIFY, ["x", "--last"], "--last needs a value: --last HASH"),
        (COMPLETION, ["fsh"], "'fsh' is none of bash, zsh, fish; did you mean \"fish\"?"),
        (COMPLETION, ["bash", "zsh"], "needs at most one SHELL"),
    ],
)
def test_what_cannot_be_meant(command: Command, words: list[str], sentence: str) -> None:
    with pytest.raises(UsageError) as refusal:
        read(command, words)
    assert sentence in str(refusal.value)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_teaches_and_its_examples_can_be_typed(
    command: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["filewarden", *command.name.split(), "--help"])
    assert main() == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"usage: filewarden {command.name}")
    assert max(map(len, shown.splitlines())) <= 120
    assert command.examples
    for example in command.examples:
        assert example.line in shown
        words = example.line.partition(" | ")[0].partition(" > ")[0].split()[1:]
        assert words[: len(command.name.split())] == command.name.split()
        assert not read_flags(read(command, words[len(command.name.split()) :]).rest).source.problems


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["config"], "usage: filewarden config init"),
        (["config"], "a word is missing: show or init or schema"),
        (["config", "shw"], "there is no such word: 'shw'; did you mean \"show\"?"),
        (["version"], 'did you mean "--version"?'),
        (["audit"], "usage: filewarden audit verify FILE"),
        (["stats"], 'did you mean "status"?'),
        ([], "commands:"),
    ],
)
def test_bad_usage(
    words: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["filewarden", *words])
    assert main() == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["help"], "commands:"),
        (["--help"], "commands:"),
        (["help", "status"], "usage: filewarden status"),
        (["help", "config", "show"], "usage: filewarden config show"),
        (["help", "--help"], "commands:"),
    ],
)
def test_help_comes_by_either_word(
    words: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["filewarden", *words])
    assert main() == 0
    assert said in capsys.readouterr().out


def test_a_group_is_explained_as_a_whole(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["filewarden", "config", "--help"])
    assert main() == 0
    shown = capsys.readouterr().out
    assert all(f"usage: {command.usage}" in shown for command in group("config"))


@pytest.mark.parametrize(("name", "flag", "meant"), [("check", "--jsn", "--json"), ("doctor", "--jsno=x", "--json")])
def test_a_command_s_own_flag_is_meant_beside_those_of_serve_too(name: str, flag: str, meant: str) -> None:
    command = find(name)
    assert command is not None
    with pytest.raises(UsageError, match=f'unknown flag {flag.partition("=")[0]}; did you mean "{meant}"'):
        read(command, [flag])


def test_what_serve_may_know_and_folders_are_left_to_the_configuration() -> None:
    words = ["--prot", "1", "--port=2", "json", "--nothing-like-it", "--", "--jsn"]
    assert read(CHECK, words).rest == words
