"""The page of every setting: default, bounds, sentence, variable and flag."""

from collections.abc import Iterator

from docs.writer.markdown import block, code, page, paragraph, table
from filewarden.config.fixed import FIXED
from filewarden.config.options import Kind, Option, options, profile_options, root_options, section_names
from filewarden.config.sections.profiles import OVERRIDDEN
from filewarden.config.settings import Settings
from filewarden.config.values import written

BY_MACHINE = {"pool.workers": "by cores, 2 to 4", "pool.scan_workers": "by cores, fewer than workers"}
"""Defaults that differ between machines."""
LONGEST_DEFAULT = 60
EXAMPLES = {
    "roots": '[[roots]]\npath = "/home/me/project"\nname = "project"\nmode = "ro"\ndeny = [".env", "secrets/**"]\n',
    "profiles": '[[profiles]]\nname = "builds"\nprincipals = ["token:builds", "oauth:ci-*"]\n\n'
    '[[profiles.roots]]\npath = "/srv/builds"\nmode = "rw"\n\n[profiles.pool]\nworkers = 2\n',
    "deadlines": "[deadlines]\nread_s = 5.0\n\n[deadlines.tool]\nsearch_text = 30.0\n",
    "http": '[http]\nenabled = true\nport = 8765\nallowed_hosts = ["files.example.org"]\n',
    "log": '[log]\nformat = "json"\ncalls = true\n',
}
KINDS = {
    Kind.SWITCH: "true or false",
    Kind.WHOLE: "whole number",
    Kind.NUMBER: "number",
    Kind.TEXT: "text",
    Kind.LIST: "list of texts",
    Kind.TABLE: "table of numbers",
}


def settings_page() -> str:
    """The whole page."""
    return page("Settings", "the modules of config/sections", _parts())


def _parts() -> Iterator[str]:
    yield paragraph(
        "Flags win over variables, variables over the file, the file over defaults. The file is "
        "`~/.config/filewarden/config.toml`, or what `--config` names. Unknown keys, and values out of bounds, are "
        "refused with what is allowed; `filewarden config show` prints what is in force and where each value comes "
        "from, and `filewarden config init` this page as a commented file. In a variable, lists are separated by "
        "commas, and tables are pairs such as `read_file=5,search_text=30`. SIGHUP has a server read all of it "
        'again while it runs, but for what "needs a new start".'
    )
    sections = ("roots", "profiles", *section_names())
    yield "\n".join(f"- [`[{name}]`](#{name}): {_purpose(name)}" for name in sections)
    yield "## roots"
    yield paragraph(
        f"{_purpose('roots')} One `[[roots]]` block for each. On the command line: `filewarden serve DIR ...` or "
        '`--root DIR`, and `--allow-write` for `mode = "rw"` in all of them; in the environment: `MCP_ROOT`.'
    )
    yield block("toml", EXAMPLES["roots"])
    yield table(("key", "type", "default", "meaning"), [_root_row(option) for option in root_options().values()])
    yield "## profiles"
    yield paragraph(
        f"{_purpose('profiles')} One `[[profiles]]` block for each; roots of its own stand in `[[profiles.roots]]`, "
        f"and settings of its own in {', '.join(code(f'[profiles.{name}]') for name in OVERRIDDEN)}: the keys are "
        "those of the tables below. [Profiles](../profiles.md) tells how they are used."
    )
    yield block("toml", EXAMPLES["profiles"])
    yield table(("key", "type", "default", "meaning"), [_root_row(option) for option in profile_options().values()])
    for name in section_names():
        yield f"## {name}"
        yield _purpose(name)
        if name in EXAMPLES:
            yield block("toml", EXAMPLES[name])
        rows = [_row(option) for option in options().values() if option.section == name]
        yield table(("key", "type and bounds", "default", "meaning", "variable, flag"), rows)


def _purpose(section: str) -> str:
    """The sentence of the section's own class."""
    if section == "roots":
        return "The folders that are served."
    if section == "profiles":
        return "What some principals are served, apart from everybody else."
    made = getattr(Settings(), section)
    return (type(made).__doc__ or "").split("\n")[0]


def _root_row(option: Option) -> tuple[str, ...]:
    default = code(written(option.make_default())) if option.make_default else "must be given"
    return code(option.name), _type(option), default, option.sentence


def _row(option: Option) -> tuple[str, ...]:
    ways = "\n".join(code(way) for way in (option.variable, option.flag) if way)
    start = " Needs a new start." if option.name in FIXED.get(option.section, ()) else ""
    return code(option.key), _type(option), _default(option), option.sentence + start, ways


def _type(option: Option) -> str:
    if option.kind is Kind.CHOICE:
        return ", ".join(code(choice) for choice in option.choices)
    bounds = str(option.items if option.kind is Kind.TABLE else option.bounds)
    return f"{KINDS[option.kind]}, {bounds}" if bounds else KINDS[option.kind]


def _default(option: Option) -> str:
    if option.key in BY_MACHINE:
        return BY_MACHINE[option.key]
    default = written(option.make_default()) if option.make_default else ""
    return code(default) if len(default) <= LONGEST_DEFAULT else "a list: `filewarden config show` prints it"
