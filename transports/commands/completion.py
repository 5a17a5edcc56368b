"""Scripts that complete the command line in bash, zsh and fish, made from the table of commands. Pure."""

import shlex
from collections.abc import Callable, Iterator, Sequence

from filewarden.transports.commands.command import Command, Completes, Flag
from filewarden.transports.commands.table import COMMANDS, all_flags, first_words, group

HELP = "--help"
_BASH_KINDS = {"file": "_filewarden_names -f", "folder": "_filewarden_names -d"}
_ZSH_KINDS: dict[Completes, str] = {"file": "_files", "folder": "_files -/", "": " "}

BASH_HEAD = """\
# Completion of filewarden for bash, printed by: filewarden completion bash
_filewarden_names() {
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen "$1" -- "$current")
}
_filewarden_words() {
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$current")
}
_filewarden() {
    local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD - 1]}"
    local command="${COMP_WORDS[1]:-}" at=2
    COMPREPLY=()
    if [[ $current == "=" ]]; then
        current=""
    elif [[ $previous == "=" ]]; then
        previous="${COMP_WORDS[COMP_CWORD - 2]}"
    fi
"""
BASH_END = """\
}
complete -F _filewarden filewarden
"""
ZSH_HEAD = """\
#compdef filewarden
# Completion of filewarden for zsh, printed by: filewarden completion zsh
_filewarden() {
    local -a found
"""
ZSH_END = """\
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _filewarden "$@"
else
    compdef _filewarden filewarden
fi
"""
FISH_HEAD = """\
# Completion of filewarden for fish, printed by: filewarden completion fish
complete -c filewarden -f
"""


def script(shell: str) -> str:
    """The whole script for `bash`, `zsh` or `fish`."""
    makers: dict[str, Callable[[], Iterator[str]]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}
    return "".join(makers[shell]())


def _groups() -> list[tuple[str, list[Command]]]:
    """The first words that are no command without a second one."""
    return [(word, group(word)) for word in first_words() if group(word)[0].name != word]


def _second_words(commands: Sequence[Command]) -> str:
    return " ".join(command.name.split()[1] for command in commands)


# bash


def _bash() -> Iterator[str]:
    yield BASH_HEAD
    yield "    if ((COMP_CWORD == 1)); then\n"
    yield f'        _filewarden_words "{" ".join([*first_words(), HELP, "--version"])}"\n        return\n    fi\n'
    for word, commands in _groups():
        yield f"    if [[ $command == {word} ]]; then\n        if ((COMP_CWORD == 2)); then\n"
        yield f'            _filewarden_words "{_second_words(commands)} {HELP}"\n            return\n        fi\n'
        yield '        command+=" ${COMP_WORDS[2]}"\n        at=3\n    fi\n'
    yield '    case "$command $previous" in\n'
    for command in COMMANDS:
        yield from (_bash_value(command, flag) for flag in all_flags(command) if flag.metavar)
    yield '    esac\n    case "$command" in\n'
    yield from map(_bash_command, COMMANDS)
    yield "    esac\n" + BASH_END


def _bash_value(command: Command, flag: Flag) -> str:
    action = f'_filewarden_words "{" ".join(flag.choices)}"' if flag.choices else _BASH_KINDS.get(flag.completes, ":")
    return f'        "{command.name} {flag.name}") {action}; return ;;\n'


def _bash_command(command: Command) -> str:
    names = " ".join([*(flag.name for flag in all_flags(command)), HELP])
    operands = command.operands
    other = _BASH_KINDS.get(operands.completes, ":") if operands else ":"
    if operands and operands.choices:
        other = f'if ((COMP_CWORD == at)); then _filewarden_words "{" ".join(operands.choices)}"; else {other}; fi'
    return f'        "{command.name}") if [[ $current == -* ]]; then _filewarden_words "{names}"; else {other}; fi ;;\n'


# zsh


def _zsh() -> Iterator[str]:
    yield ZSH_HEAD
    yield "    if (( CURRENT == 2 )); then\n        found=(\n"
    for word in first_words():
        yield f"            {shlex.quote(f'{word}:{_first_summary(word)}')}\n"
    yield "        )\n        _describe -t commands command found\n        return\n    fi\n"
    yield "    local command=$words[2]\n"
    for word, commands in _groups():
        yield f"    if [[ $command == {word} ]]; then\n        if (( CURRENT == 3 )); then\n            found=(\n"
        for command in commands:
            yield f"                {shlex.quote(f'{command.name.split()[1]}:{command.summary}')}\n"
        yield "            )\n            _describe -t commands command found\n            return\n        fi\n"
        yield '        command="$command $words[3]"\n        shift words; (( CURRENT-- ))\n    fi\n'
    yield '    shift words; (( CURRENT-- ))\n    case "$command" in\n'
    yield from map(_zsh_command, COMMANDS)
    yield "    esac\n" + ZSH_END


def _first_summary(word: str) -> str:
    commands = group(word)
    return commands[0].summary if len(commands) == 1 else _second_words(commands).replace(" ", ", ")


def _zsh_command(command: Command) -> str:
    specifications = [_zsh_flag(flag) for flag in all_flags(command)]
    specifications.append(f"{HELP}[explain the command]")
    operands = command.operands
    if operands and operands.choices:
        specifications.append(f"1:{operands.metavar}:({' '.join(operands.choices)})")
    if operands and operands.completes:
        specifications.append(f"*:{operands.further or operands.metavar}:{_ZSH_KINDS[operands.completes]}")
    lines = "".join(f" \\\n            {shlex.quote(one)}" for one in specifications)
    return f'        "{command.name}")\n            _arguments{lines} ;;\n'


def _zsh_flag(flag: Flag) -> str:
    sentence = flag.sentence.replace("[", "(").replace("]", ")").replace(":", ",")
    if not flag.metavar:
        return f"{flag.name}[{sentence}]"
    action = f"({' '.join(flag.choices)})" if flag.choices else _ZSH_KINDS[flag.completes]
    return f"{'*' if flag.name == '--root' else ''}{flag.name}=[{sentence}]:{flag.metavar.split('|')[0]}:{action}"


# fish


def _fish() -> Iterator[str]:
    yield FISH_HEAD
    for word in first_words():
        yield _fish_row("__fish_use_subcommand", f"-a {word}", _first_summary(word))
    for word, commands in _groups():
        seconds = _second_words(commands)
        condition = f"__fish_seen_subcommand_from {word}; and not __fish_seen_subcommand_from {seconds}"
        for command in commands:
            yield _fish_row(condition, f"-a {command.name.split()[1]}", command.summary)
    for command in COMMANDS:
        yield from _fish_command(command)


def _fish_command(command: Command) -> Iterator[str]:
    condition = "; and ".join(f"__fish_seen_subcommand_from {word}" for word in command.name.split())
    for flag in all_flags(command):
        yield _fish_row(condition, f"-l {flag.name[2:]}{_fish_value(flag)}", flag.sentence)
    yield _fish_row(condition, f"-l {HELP[2:]}", "explain the command")
    operands = command.operands
    if operands and operands.choices:
        listed = " ".join(operands.choices)
        yield _fish_row(f"{condition}; and not __fish_seen_subcommand_from {listed}", f"-a {shlex.quote(listed)}", "")
    if operands and operands.completes == "folder":
        yield _fish_row(condition, "-a '(__fish_complete_directories)'", "")
    elif operands and operands.completes:
        yield _fish_row(condition, "-F", "")


def _fish_value(flag: Flag) -> str:
    if not flag.metavar:
        return ""
    if flag.choices:
        return f" -x -a {shlex.quote(' '.join(flag.choices))}"
    values = {"folder": " -x -a '(__fish_complete_directories)'", "file": " -r -F", "": " -x"}
    return values[flag.completes]


def _fish_row(condition: str, what: str, sentence: str) -> str:
    escaped = sentence.replace("\\", "\\\\").replace("'", "\\'")
    description = f" -d '{escaped}'" if sentence else ""
    return f"complete -c filewarden -n '{condition}' {what}{description}\n"
