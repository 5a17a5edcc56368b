"""How the settings in force are shown: each with its value and its origin."""

from collections.abc import Iterator, Sequence

from filewarden.config.errors import printable
from filewarden.config.load import Loaded
from filewarden.config.options import options, profile_options, root_options
from filewarden.config.roots import DEFAULT
from filewarden.config.sections.profiles import ProfileSettings
from filewarden.config.sections.roots import RootSettings
from filewarden.config.values import written

WIDEST = 80
"""A longer value, such as a list, stands out of its column instead of pushing all origins away."""

LONGEST_VALUE_CHARS = 1 << 21
"""Of a setting: what is in force is shown whole, such as each glob of a policy; no list may be longer than this."""

Row = tuple[str, object, str]
"""Name, value, origin."""


def show(loaded: Loaded) -> str:
    """Aligned lines for a person, in the order and sections of the file."""
    sections = list(_sections(loaded))
    rows = [
        (name, printable(written(value), LONGEST_VALUE_CHARS), origin)
        for _, _, rows in sections
        for name, value, origin in rows
    ]
    widths = [max(len(row[column]) for row in rows if len(row[column]) <= WIDEST) for column in (0, 1)]
    lines = [f"configuration file: {printable(loaded.file) if loaded.file else 'none'}"]
    remaining = iter(rows)
    for _, heading, section_rows in sections:
        lines += ["", heading]
        for _ in section_rows:
            name, value, origin = next(remaining)
            lines.append(f"{name:<{widths[0]}} = {value:<{widths[1]}}  {printable(origin)}")
    lines += [f"\nwarning: {warning}" for warning in loaded.warnings]
    return "\n".join(lines) + "\n"


def show_json(loaded: Loaded) -> str:
    """`{"file", "settings": {"pool.workers": {"value", "origin"}, ...}, "warnings"}` with ASCII letters only."""
    import json

    settings = {
        f"{prefix}.{name}": {"value": value, "origin": origin}
        for prefix, _, rows in _sections(loaded)
        for name, value, origin in rows
    }
    answer = {"file": loaded.file, "settings": settings, "warnings": loaded.warnings}
    return json.dumps(answer, indent=2) + "\n"


def _sections(loaded: Loaded) -> Iterator[tuple[str, str, list[Row]]]:
    """Dotted prefix, heading and rows of each table."""
    yield from _roots(loaded, "roots", loaded.settings.roots)
    for number, profile in enumerate(loaded.settings.profiles):
        yield from _profile(loaded, f"profiles.{number}", profile)
    by_section: dict[str, list[Row]] = {}
    for key, option in options().items():
        value: object = getattr(getattr(loaded.settings, option.section), option.name)
        by_section.setdefault(option.section, []).append((option.name, value, loaded.origins[key]))
    for section, rows in by_section.items():
        yield section, f"[{section}]", rows


def _roots(loaded: Loaded, key: str, roots: Sequence[RootSettings]) -> Iterator[tuple[str, str, list[Row]]]:
    heading = ".".join(part for part in key.split(".") if not part.isdecimal())
    for number, root in enumerate(roots):
        prefix = f"{key}.{number}"
        rows = [(name, getattr(root, name), loaded.origins[f"{prefix}.{name}"]) for name in root_options()]
        yield prefix, f"[[{heading}]]", rows


def _profile(loaded: Loaded, key: str, profile: ProfileSettings) -> Iterator[tuple[str, str, list[Row]]]:
    """What it says itself; the rest is as outside of it."""
    rows = [(name, getattr(profile, name), loaded.origins.get(f"{key}.{name}", DEFAULT)) for name in profile_options()]
    for dotted, option in options().items():
        origin = loaded.origins.get(f"{key}.{dotted}")
        if origin is not None:
            rows.append((dotted, getattr(getattr(profile, option.section), option.name), origin))
    yield key, "[[profiles]]", rows
    if f"{key}.roots.0.path" in loaded.origins:
        yield from _roots(loaded, f"{key}.roots", profile.roots)
