"""The command line as a source: a small table of flags, made from the settings that name one.

Written by hand because argparse alone costs as much start-up time as all of our own settings code.
"""

import functools
import os
from collections.abc import Iterator, Sequence
from functools import partial

import msgspec

from filewarden.config.errors import Problem
from filewarden.config.folders import working_folder
from filewarden.config.nearest import meant, nearest
from filewarden.config.options import Kind, Option, options
from filewarden.config.sources import Given, Source
from filewarden.config.values import from_text, written

DASHES = "--"
HELP = "--help"
ORIGIN = "command line"


class Flag(msgspec.Struct, frozen=True):
    """One flag. `metavar` is "" for a switch; `option` is None for the flags that set no single setting."""

    name: str
    metavar: str
    sentence: str
    option: Option | None = None


class CommandLine(msgspec.Struct, frozen=True):
    """What the arguments say: settings, the configuration file, and whether every root may be written to."""

    source: Source
    config: str | None
    allows_writing: bool


OWN_FLAGS = (
    Flag("--root", "DIR", "A folder to serve, like ROOT; may be given several times."),
    Flag("--config", "FILE", "The configuration file to read instead of the user's own."),
    Flag("--allow-write", "", "Offer the write tools in every root."),
)


@functools.cache
def flags() -> dict[str, Flag]:
    """Every flag by its name, in the order of the help."""
    derived = [
        Flag(option.flag, "" if option.kind is Kind.SWITCH else option.metavar, option.sentence, option)
        for option in options().values()
        if option.flag
    ]
    return {flag.name: flag for flag in (*OWN_FLAGS, *derived)}


def read_flags(arguments: Sequence[str]) -> CommandLine:
    """Read what follows the command's name. A flag given twice counts as given last; `--root` adds up."""
    source = Source()
    folders: list[str] = []
    config: str | None = None
    allows_writing = False
    for flag, text in _words(arguments, source):
        if flag is None or flag.name == "--root":
            folders.append(text)
        elif flag.name == "--config":
            config = _config_path(text, source)
        elif flag.name == "--allow-write":
            allows_writing = True
        elif flag.option is not None:
            option, given = flag.option, text if flag.metavar else "true"
            source.take(option, flag.name, given, partial(from_text, option, given))
    if folders:
        source.roots = [{"path": Given(folder, ORIGIN)} for folder in folders]
    return CommandLine(source, config, allows_writing)


def flag_help(width: int) -> str:
    """One paragraph for each flag, in lines of so many characters: what it does, its bounds and its default."""
    import textwrap

    paragraphs = []
    for flag in flags().values():
        head = f"  {flag.name} {flag.metavar}".rstrip()
        text = textwrap.fill(
            flag.sentence + _facts(flag.option),
            width,
            initial_indent=" " * 26,
            subsequent_indent=" " * 26,
            break_on_hyphens=False,
        )
        paragraphs.append(f"{head:<25} {text.lstrip()}" if len(head) < 25 else f"{head}\n{text}")
    return "\n".join(paragraphs) + "\n"


def _words(arguments: Sequence[str], source: Source) -> Iterator[tuple[Flag | None, str]]:
    """Each flag with its value ("" for a switch), and each plain argument with None; faults go to `source`."""
    words = iter(arguments)
    for word in words:
        if word == "--":
            yield from ((None, rest) for rest in words)
            return
        if not word.startswith("-") or word == "-":
            yield None, word
            continue
        name, equals, text = word.partition("=")
        flag = flags().get(name)
        if flag is None:
            near = nearest(name, [*flags(), HELP], DASHES)
            advice = meant(near) or "; `filewarden serve --help` lists all"
            source.problems.append(Problem(name, ORIGIN, f"unknown flag{advice}"))
            if near in flags() and flags()[near].metavar and not equals:
                yield from _after_value(words, source)
        elif not flag.metavar:
            if equals:
                source.problems.append(Problem(name, ORIGIN, "takes no value"))
            else:
                yield flag, ""
        elif equals:
            yield flag, text
        else:
            yield from _with_next(flag, words, source)


def _with_next(flag: Flag, words: Iterator[str], source: Source) -> Iterator[tuple[Flag | None, str]]:
    text = next(words, None)
    if text is None or text.startswith("--"):
        missing = f"needs a value: {flag.name} {flag.metavar}"
        source.problems.append(Problem(flag.name, ORIGIN, missing))
        if text is not None:
            yield from _words([text, *words], source)
    else:
        yield flag, text


def _after_value(words: Iterator[str], source: Source) -> Iterator[tuple[Flag | None, str]]:
    """Skip what is the value of a flag with a mistake in its name: it is no folder."""
    text = next(words, None)
    if text is not None and text.startswith("-"):
        yield from _words([text, *words], source)


def _config_path(text: str, source: Source) -> str | None:
    if not text:
        source.problems.append(Problem("--config", ORIGIN, "needs the name of a file"))
        return None
    return os.path.join(working_folder(), text)


def _facts(option: Option | None) -> str:
    if option is None or option.make_default is None or option.kind is Kind.SWITCH:
        return ""
    bounds = f"{option.bounds}; " if str(option.bounds) else ""
    default = option.make_default()
    shown = default if isinstance(default, str) else written(default)
    return f" ({bounds}default {shown})" if shown else ""
