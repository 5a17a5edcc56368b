"""The commented configuration file that `filewarden config init` prints."""

import textwrap
from collections.abc import Iterator

from filewarden.config.options import Kind, Option, options, profile_options, root_options, section_names
from filewarden.config.values import written

WIDTH = 100
HEADER = """\
# Settings of filewarden. Lines that start with "#" and a letter are settings at their defaults: take
# the "#" away to change one. Flags win over the environment, the environment over this file.
"""
ROOT_EXAMPLE = {"path": "~/project", "name": "project"}
PROFILE_EXAMPLE = "builds"
TABLE_EXAMPLE = "search_text = 30.0"


def commented_file() -> str:
    """Write a TOML file in which every setting is a comment: prose begins with `# `, settings with `#` alone."""
    blocks = [HEADER, "\n".join(_root_lines()), "\n".join(_profile_lines())]
    blocks += ["\n".join(_section_lines(section)) for section in section_names()]
    return "\n".join(block.rstrip("\n") + "\n" for block in blocks)


def _root_lines() -> Iterator[str]:
    yield "# A folder to serve; repeat the block for further ones."
    yield "#[[roots]]"
    for option in root_options().values():
        yield from _prose(option)
        value = ROOT_EXAMPLE.get(option.name) or (option.make_default() if option.make_default else "")
        yield f"#{option.name} = {written(value)}"


def _profile_lines() -> Iterator[str]:
    yield "# What some principals are served over HTTP, apart from all others; repeat the block for further ones."
    yield "# It may have roots, [[profiles.roots]], and settings of its own, such as [profiles.limits]; the rest is as"
    yield "# outside of it."
    yield "#[[profiles]]"
    for option in profile_options().values():
        yield from _prose(option)
        yield f"#{option.name} = {written(option.make_default() if option.make_default else PROFILE_EXAMPLE)}"


def _section_lines(section: str) -> Iterator[str]:
    yield f"[{section}]"
    rows = [option for option in options().values() if option.section == section]
    for option in sorted(rows, key=lambda option: option.kind is Kind.TABLE):  # a table's header ends the section
        yield from _prose(option)
        if option.kind is Kind.TABLE:
            yield f"[{option.key}]"
            yield f"#{TABLE_EXAMPLE}"
        elif option.make_default:
            yield f"#{option.name} = {written(option.make_default())}"


def _prose(option: Option) -> list[str]:
    facts = [option.sentence]
    bounds = str(option.items if option.kind is Kind.TABLE else option.bounds)
    if option.kind is Kind.CHOICE:
        bounds = "one of " + ", ".join(map(written, option.choices))
    if bounds:
        facts.append(f"({bounds})")
    text = " ".join(facts)
    return textwrap.wrap(text, WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)
