import pytest

from filewarden.transports.commands.command import Command
from filewarden.transports.commands.help import help_of, overview
from filewarden.transports.commands.table import COMMANDS

TERMINAL_COLUMNS = 80
TO_BE_COPIED = {f"  {example.line}" for command in COMMANDS for example in command.examples}


@pytest.mark.parametrize("text", [overview(), *(help_of([command]) for command in COMMANDS)])
def test_no_line_is_wider_than_a_terminal(text: str) -> None:
    wide = {line for line in text.splitlines() if len(line) > TERMINAL_COLUMNS}
    assert wide <= TO_BE_COPIED
    assert "\0" not in text


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_nothing_of_a_command_is_left_out(command: Command) -> None:
    words = " ".join(help_of([command]).split())
    wanted = [command.usage, command.text, command.exit_statuses, *(flag.sentence for flag in command.flags)]
    assert [each for each in wanted if " ".join(each.split()) not in words] == []
    assert command.summary in " ".join(overview().split())
